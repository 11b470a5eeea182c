# Finds the agent on a remote and becomes it; where it cannot, it says why in the answer's form.
#
# A remote's login shell is given this as one line, without comments and indentation, as the word
# in single quotes of `sh -c '...'` (bootstrap.py). So there is no single quote in a command here,
# no exclamation mark (csh), no backslash before another or before a single quote (fish); a comment
# has a line of its own, and a command ends with a semicolon.
#
# Text is a word of its own: `t` and the text as it is, or `e` and the text in the form of
# `printf %b` (bootstrap.word).
#
# $1: Python, as text: a name, or a path
# $2: the agent's digest, which its folder is called after
# $3: the folder in which a newly sent agent lies, or nothing, as text
# $4: `no` where no guild home may be made, `enter` where a person is to work with the agent
# $5: lines of sh that come before Python is looked for, as text
# then the parts of the guild home, relative to the login's home unless it is absolute
# (bootstrap.home_words): text, or `v` and the name of a variable there; and `a` and text for each
# argument of the agent, where a person is to work with it (remote.RemoteHost.enter): then stdin
# is theirs, and what is said here goes to stderr.
#
# The script's own variables begin with `_`, as those rarely do; what is in use while the lines
# of $5 are read begins with `_guild_`, and no option of the shell that they set counts after.

# The text that a word is. The full stop keeps the line breaks at its end, which $( ) would take
# away; and $( ) is a process of its own, which most words can do without.
_guild_text() {
    case $1 in
        e*) _guild_said=$(printf %b. "${1#e}"); _guild_said=${_guild_said%.} ;;
        *) _guild_said=${1#t} ;;
    esac;
};
# Answer $1, a JSON object, behind the word that begins an answer; then $2, as it is.
_guild_answer() {
    [ "$_guild_enters" ] && { printf "guild: it cannot be entered: %s\n" "$1" >&2; exit 1; };
    printf "\n%s %s\n%s" @FRAME@ "$1" "$2"; exit 0;
};
_guild_enters=;
[ "$4" = enter ] && _guild_enters=yes;

# A start-up file of the login's may have gone elsewhere.
cd || _guild_answer "{\"no_home\": true}";
# It gets nothing to read, as what comes there is the request; and says nothing on stdout. It sees
# none of the words, which files that it reads would take for theirs, and moves nothing of ours: a
# folder that it goes to, words that it sets and a trap that it leaves are its own.
_guild_text "$5";
[ -z "$_guild_said" ] || {
    _guild_folder=$PWD; _guild_words="$*"; set --;
    eval "$_guild_said" </dev/null >&2 || _guild_answer "{\"no_setup\": true}";
    trap - EXIT; set +eu; cd "$_guild_folder"; unset IFS; set -f; set -- $_guild_words;
};
_guild_text "$1"; _p=$_guild_said; _guild_text "$3"; _s=$_guild_said; _i=$2; _m=$4; shift 5; _h=;
for _w; do
    shift;
    case $_w in
        a*) _guild_text "${_w#a}"; set -- "$@" "$_guild_said" ;;
        v*)
            _w=${_w#v}; eval "_v=\${$_w}";
            [ -n "$_v" ] || _guild_answer "{\"no_variable\": \"$_w\"}";
            _h=$_h$_v ;;
        *) _guild_text "$_w"; _h=$_h$_guild_said ;;
    esac;
done;
case $_h in
    /*) ;;
    *) _h=$PWD/$_h ;;
esac;
_g=$_h/agent/$_i; _n=$_h/agent/$_s;

# Of a disk that is not mounted, nothing is made in its place.
[ "$_m" = no ] && {
    [ -d "$_h/runs" ] || _guild_answer "{\"home_missing\": true}";
};
# What was sent gets its name by one rename: an agent is there whole, or not at all. Where there is
# a folder already it mends that; another may have sent it meanwhile, and then it changes nothing.
[ -n "$_s" ] && {
    [ -d "$_g" ] || mv "$_n" "$_g";
    [ -d "$_n" ] && "$_p" -I -S -X utf8 "$_n" mend "$_g" </dev/null;
    rm -rf "$_n" "$_g/$_s";
};
# Ask for the agent, and say where it goes.
[ -s "$_g/__main__.py" ] || {
    [ "$_guild_enters" ] && _guild_answer "no agent is there any more";
    # Else rsync, which sends the agent, would wait for what a start-up file reads.
    read -r _v || _guild_answer "{\"no_request\": true}";
    mkdir -p "$_h/agent" && _guild_answer "{\"no_agent\": true}" "$_h";
    _guild_answer "{\"no_folder\": true}" "$_h";
};
command -v "$_p" >/dev/null 2>&1 || _guild_answer "{\"no_python\": true}";
# If no answer follows this line, the agent or its Python does not work.
[ "$_guild_enters" ] || printf "\n%s\n" @REACHED@;
# -I -S: nothing of the login's comes into it; -X utf8: names are UTF-8 whatever the locale.
exec "$_p" -I -S -X utf8 "$_g" "$@"
