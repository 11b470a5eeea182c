# Finds the agent on a remote and becomes it; where it cannot, it says why in the answer's form.
#
# A remote's login shell is given this as one line, without comments and indentation, as the word
# in single quotes of `sh -c '...'` (bootstrap.py). So there is no single quote in a command here,
# no exclamation mark (csh), no backslash before another or before a single quote (fish); a comment
# has a line of its own, and a command ends with a semicolon.
#
# $1: guild home, in the form of `printf %b`, relative to the login's home unless it is absolute
# $2: Python, in the same form: a name, or a path
# $3: the agent's digest, which its folder is called after
# $4: the folder in which a newly sent agent lies, or nothing
# $5: `no` where no guild home may be made

# A word decoded. The full stop keeps the line breaks at its end, which $( ) would take away.
d() { printf %b. "$1"; };
# Answer $1, a JSON object, behind the word that begins an answer; then $2, as it is.
a() { printf "\n%s %s\n%s" @FRAME@ "$1" "$2"; exit 0; };

# A start-up file of the login's may have gone elsewhere.
cd || a "{\"no_home\": true}";
h=$(d "$1"); h=${h%.}; p=$(d "$2"); p=${p%.};
case $h in
    /*) ;;
    *) h=$PWD/$h ;;
esac;
g=$h/agent/$3; n=$h/agent/$4;

# Of a disk that is not mounted, nothing is made in its place.
[ "$5" = no ] && {
    [ -d "$h/runs" ] || a "{\"home_missing\": true}";
};
# What was sent gets its name by one rename: an agent is there whole, or not at all. Where there is
# a folder already it mends that; another may have sent it meanwhile, and then it changes nothing.
[ -n "$4" ] && {
    [ -d "$g" ] || mv "$n" "$g";
    [ -d "$n" ] && "$p" -I -S -X utf8 "$n" mend "$g" </dev/null;
    rm -rf "$n" "$g/$4";
};
# Ask for the agent, and say where it goes.
[ -s "$g/__main__.py" ] || {
    mkdir -p "$h/agent" && a "{\"no_agent\": true}" "$h";
    a "{\"no_folder\": true}" "$h";
};
command -v "$p" >/dev/null 2>&1 || a "{\"no_python\": true}";
# If no answer follows this line, the agent or its Python does not work.
printf "\n%s\n" @REACHED@;
# -I -S: nothing of the login's comes into it; -X utf8: names are UTF-8 whatever the locale.
exec "$p" -I -S -X utf8 "$g"
