# Becomes bootstrap.sh, which is $0, once `setup` of a remote counts, or its login's profile.
#
# A remote's login shell is given this in front of that, by the same rules (bootstrap.py).
#
# $1: `login` where the profile is to be read, or `plain`
# then the words for bootstrap.sh, none of which is empty: csh would lose it

# What lines of `setup` call, such as `module`, is often a function that only bash inherits.
_b=$(command -v bash) || _b=sh;
_l=$1; shift;
[ "$_l" = login ] || exec "$_b" -c "$0" guild "$@";
_h=${SHELL:-$_b};
case ${_h##*/} in
    fish) exec "$_h" -l -c "exec \$argv" "$_b" -c "$0" guild "$@" ;;
    csh | tcsh)
        _s="if (-r ~/.login) source ~/.login";
        exec "$_h" -c "$_s; exec \$argv:q" "$_b" -c "$0" guild "$@" ;;
    *) exec "$_h" -l -c "exec \"\$@\"" guild "$_b" -c "$0" guild "$@" ;;
esac
