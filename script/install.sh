# shellcheck shell=bash
# Sourced by the scripts beside it: finds what is missing on this machine and
# installs it with the system's package manager.
#
# Every command is printed before it runs. On a terminal it is asked for first;
# without one (a pipe, CI) or with assume_yes=1 nothing ever waits for an answer.
# Written for bash 3.2, which is what macOS ships.

# The major versions of PostgreSQL that Aftersend works with.
postgresql_major_min=15
postgresql_major_max=18

assume_yes=${assume_yes:-0}

# Commands to run, one shell-quoted line each, collected before any of them runs
# so that a person sees the whole of it before saying yes.
plan=()

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "error: $*"
    exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

# A terminal on both ends: without one there is nobody to answer.
is_interactive() {
    [[ $assume_yes != 1 && ${CI:-} != true && -t 0 && -t 2 ]]
}

package_manager() {
    local name
    if [[ $(uname -s) == Darwin ]]; then
        if has brew; then echo brew; fi
        return
    fi
    for name in apt-get dnf zypper pacman apk brew; do
        if has "$name"; then
            echo "$name"
            return
        fi
    done
}

# --- What is there -----------------------------------------------------------

# Prints the folders that may hold PostgreSQL's server programs, one a line: the
# places where the binary itself looks (crates/embedded/src/find.rs), in its order.
postgresql_folders() {
    local folder
    if [[ -n ${AFTERSEND_POSTGRES_BIN:-} ]]; then
        echo "$AFTERSEND_POSTGRES_BIN"
        return
    fi
    for folder in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/lib/postgresql*/bin \
        /usr/libexec/postgresql* /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin \
        /home/linuxbrew/.linuxbrew/opt/postgresql*/bin /usr/local/pgsql/bin; do
        if [[ -d $folder ]]; then echo "$folder"; fi
    done
    if has postgres; then
        # Distributions link the programs into PATH; the link's end is where they live.
        dirname "$(readlink -f "$(command -v postgres)")"
    fi
}

# Major version of the server in folder $1; nothing when there is none.
postgresql_major() {
    local version
    if [[ -x $1/initdb && -x $1/postgres && -x $1/pg_ctl ]]; then
        # "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", "… 18beta1".
        version=$("$1/postgres" --version 2>/dev/null || true)
        if [[ $version =~ \(PostgreSQL\)\ ([0-9]+) ]]; then echo "${BASH_REMATCH[1]}"; fi
    fi
}

# Whether the server in folder $1 of major version $2 has the extension pg_trgm,
# which many distributions ship in a package of its own (…-contrib).
has_pg_trgm() {
    local file
    for file in "/usr/share/postgresql/$2/extension/pg_trgm.control" \
        "/usr/share/postgresql$2/extension/pg_trgm.control" \
        "$1"/../share/extension/pg_trgm.control \
        "$1"/../share/postgresql*/extension/pg_trgm.control \
        "$1"/../share/pgsql*/extension/pg_trgm.control; do
        if [[ -f $file ]]; then return 0; fi
    done
    return 1
}

# Like the binary: of the versions it works with, the highest counts.
has_postgresql() {
    local folder major best='' best_folder=''
    while IFS= read -r folder; do
        major=$(postgresql_major "$folder")
        if [[ -n $major ]] && ((major >= postgresql_major_min && major <= postgresql_major_max)) &&
            ((major > ${best:-0})); then
            best=$major
            best_folder=$folder
        fi
    done < <(postgresql_folders)
    [[ -n $best ]] && has_pg_trgm "$best_folder" "$best"
}

# A compiler without the C library's headers and start files links nothing.
has_c_compiler() {
    has cc || return 1
    printf '#include <stdlib.h>\nint main(void) { return EXIT_SUCCESS; }\n' |
        cc -x c -o /dev/null - >/dev/null 2>&1
}

has_npm() { has node && has npm; }

# Debian keeps it in a folder that is only in root's PATH.
has_pgbouncer() { has pgbouncer || [[ -x /usr/sbin/pgbouncer ]]; }

# Also where the tests look by themselves (crates/testkit/src/browser/chromium.rs).
has_chromium() {
    local name
    if [[ -n ${AFTERSEND_CHROMIUM:-} ]]; then
        [[ -x $AFTERSEND_CHROMIUM ]]
        return
    fi
    for name in chromium chromium-browser google-chrome-stable google-chrome chrome \
        /Applications/Chromium.app/Contents/MacOS/Chromium \
        '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'; do
        if has "$name"; then return 0; fi
    done
    return 1
}

# Debian's own python3 comes without it.
has_pip() { has python3 && python3 -m pip --version >/dev/null 2>&1; }

description() {
    case $1 in
    postgresql) echo "PostgreSQL's server programs, version $postgresql_major_min to $postgresql_major_max, with the extension pg_trgm" ;;
    c_compiler) echo "a C compiler with the C library's headers" ;;
    npm) echo "Node.js with npm" ;;
    pgbouncer) echo "PgBouncer, a connection pooler for PostgreSQL (tests start it, never as a service)" ;;
    chromium) echo "Chromium, the browser that tests look at the site in" ;;
    pip) echo "Python 3 with pip" ;;
    esac
}

# --- How it is installed -----------------------------------------------------

# Prints the package manager's $1 names for what is called $2 here.
packages() {
    case $1:$2 in
    apt-get:postgresql) echo postgresql ;;
    apt-get:c_compiler) echo gcc libc6-dev ;;
    dnf:postgresql | zypper:postgresql) echo postgresql-server postgresql-contrib ;;
    dnf:c_compiler | zypper:c_compiler) echo gcc glibc-devel ;;
    apk:postgresql) echo postgresql postgresql-contrib ;;
    apk:c_compiler) echo gcc musl-dev ;;
    pacman:postgresql) echo postgresql ;;
    pacman:c_compiler) echo gcc ;;
    brew:postgresql) echo postgresql@17 ;;
    brew:c_compiler) echo gcc ;;
    brew:npm) echo node ;;
    *:npm) echo nodejs npm ;;
    *:pgbouncer) echo pgbouncer ;;
    # Without a package of fonts it would show boxes.
    apt-get:chromium) echo chromium fonts-dejavu-core ;;
    apk:chromium) echo chromium font-dejavu ;;
    pacman:chromium) echo chromium ttf-dejavu ;;
    brew:chromium) echo google-chrome ;;
    *:chromium) echo chromium ;;
    apt-get:pip | dnf:pip | zypper:pip) echo python3 python3-pip ;;
    apk:pip) echo python3 py3-pip ;;
    pacman:pip) echo python python-pip ;;
    brew:pip) echo python ;;
    esac
}

# Adds a command to the plan as a line that a person can read and a shell can run.
plan_command() {
    local word line=''
    for word in "$@"; do
        if [[ -z $word || $word =~ [^A-Za-z0-9_./:=@%+,-] ]]; then word="'${word//\'/\'\\\'\'}'"; fi
        line+=" $word"
    done
    plan+=("${line# }")
}

# Debian starts a database server on the whole machine as soon as its package is
# installed, unless this file says no. Aftersend runs its own, so it says no,
# and leaves alone what the administrator has set.
plan_no_debian_server() {
    local file=/etc/postgresql-common/createcluster.conf
    if grep -qsE '^[[:space:]]*create_main_cluster[[:space:]]*=' "$file"; then
        return
    fi
    plan_command mkdir -p "${file%/*}"
    plan_command sh -c "echo \"create_main_cluster = false # set by Aftersend: an installed package starts no server\" >>$file"
}

# The same for the pooler: its package would start it on port 6432, now and at each
# boot. The first file is for systemd, which calls such a unit masked (`systemctl
# unmask pgbouncer` takes it back), the second for init scripts.
plan_no_debian_pooler() {
    local unit=/etc/systemd/system/pgbouncer.service defaults=/etc/default/pgbouncer
    if [[ ! -e $unit && ! -L $unit ]]; then
        plan_command mkdir -p "${unit%/*}"
        plan_command ln -s /dev/null "$unit"
    fi
    if [[ ! -e $defaults ]]; then
        plan_command sh -c "echo 'START=0 # set by Aftersend: an installed package starts no pooler' >$defaults"
    fi
}

# Older releases of Debian and Ubuntu have too old a PostgreSQL: better said
# before it is installed than after.
check_apt_postgresql() {
    local major
    major=$(apt-cache policy postgresql 2>/dev/null | sed -n 's/^ *Candidate: \([0-9][0-9]*\).*/\1/p')
    if [[ -n $major ]] && ((major < postgresql_major_min)); then
        say "This release's own package is PostgreSQL $major, too old."
        plan=()
        stop_with_instructions postgresql
    fi
}

plan_apt() {
    local environment=(env DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1)
    local options=(-q -o Acquire::Retries=3 -o Dpkg::Use-Pty=0)
    # Package lists older than a day name files that mirrors may have removed.
    if [[ -z $(find /var/lib/apt/lists -maxdepth 1 -name '*_Packages*' -mtime -1 2>/dev/null) ]]; then
        plan_command apt-get "${options[@]}" update
    fi
    case " $* " in
    *" postgresql "*)
        plan_no_debian_server
        check_apt_postgresql
        ;;
    esac
    case " $* " in
    *" pgbouncer "*) plan_no_debian_pooler ;;
    esac
    # The files above exist before the packages that own them: dpkg keeps them unasked.
    plan_command "${environment[@]}" apt-get "${options[@]}" -o Dpkg::Options::=--force-confold \
        install -y --no-install-recommends "$@"
}

plan_install() {
    local manager=$1
    shift
    case $manager in
    apt-get) plan_apt "$@" ;;
    dnf) plan_command dnf install -y "$@" ;;
    zypper) plan_command zypper --non-interactive install "$@" ;;
    pacman) plan_command pacman -S --needed --noconfirm "$@" ;;
    apk) plan_command apk add "$@" ;;
    brew) plan_command brew install "$@" ;;
    esac
}

# What stands before each command: nothing for root, sudo for others. Homebrew
# installs as the user and refuses to run as root.
privilege() {
    if [[ $1 == brew || $(id -u) == 0 ]]; then
        return
    fi
    has sudo || return 1
    if is_interactive; then
        echo sudo
    else
        # Without a terminal a question for the password could never be answered.
        sudo -n true 2>/dev/null || return 1
        echo sudo -n
    fi
}

confirm() {
    local answer line
    is_interactive || return 0
    say "These commands would install it:"
    for line in "${plan[@]}"; do say "    $1$line"; done
    printf 'Run them now? [Y/n] ' >&2
    IFS= read -r answer || answer=n
    case $answer in
    '' | [Yy] | [Yy][Ee][Ss]) return 0 ;;
    *) return 1 ;;
    esac
}

run_plan() {
    local prefix=$1 line
    for line in "${plan[@]}"; do
        say "+ $prefix$line"
        # The lines were quoted by plan_command; stdin is closed so that no
        # package script can wait for an answer.
        eval "$prefix$line" </dev/null >&2 || fail "this command failed: $prefix$line"
    done
}

# How a person gets it where no package manager of the machine has it.
advice() {
    case $1 in
    postgresql)
        say "  PostgreSQL (pg_trgm is often in a package named …-contrib): https://www.postgresql.org/download/"
        say "  Programs in a folder of your own are found by AFTERSEND_POSTGRES_BIN=/path/to/bin."
        ;;
    c_compiler)
        say "  cc and the C library's headers; on macOS: xcode-select --install"
        ;;
    npm)
        say "  Node.js 18 or later with npm: https://nodejs.org/en/download"
        ;;
    pgbouncer)
        say "  PgBouncer: https://www.pgbouncer.org/install.html"
        ;;
    chromium)
        say "  Chromium or Chrome: https://www.chromium.org/getting-involved/download-chromium/"
        say "  One elsewhere is named by AFTERSEND_CHROMIUM=/path/to/chromium; AFTERSEND_NO_BROWSER=1 leaves its tests out."
        ;;
    pip)
        say "  Python 3.8 or later with pip: https://pip.pypa.io/en/stable/installation/"
        ;;
    esac
}

stop_with_instructions() {
    local what line
    if ((${#plan[@]})); then
        say ""
        say "Run these commands as root, then try again:"
        for line in "${plan[@]}"; do say "    $line"; done
    else
        say ""
        say "Install by hand, then try again:"
        for what in "$@"; do advice "$what"; done
    fi
    exit 1
}

# require THING…: "postgresql", "c_compiler", "npm", "pgbouncer", "chromium", "pip". Returns when all are there.
require() {
    local what manager prefix missing=() names=()
    for what in "$@"; do
        if ! "has_$what"; then missing+=("$what"); fi
    done
    if ((${#missing[@]} == 0)); then return; fi

    say "Missing on this machine:"
    for what in "${missing[@]}"; do say "    $(description "$what")"; done
    manager=$(package_manager)
    plan=()
    if [[ -z $manager ]]; then stop_with_instructions "${missing[@]}"; fi
    for what in "${missing[@]}"; do
        # shellcheck disable=SC2207 # package names hold no spaces
        names+=($(packages "$manager" "$what"))
    done
    plan_install "$manager" "${names[@]}"
    if ! prefix=$(privilege "$manager"); then
        say "Not root, and no sudo that works without a question."
        stop_with_instructions "${missing[@]}"
    fi
    if ! confirm "${prefix:+$prefix }"; then stop_with_instructions "${missing[@]}"; fi
    run_plan "${prefix:+$prefix }"

    # An old distribution may have an old PostgreSQL, or a package without pg_trgm.
    hash -r
    for what in "${missing[@]}"; do
        if ! "has_$what"; then
            plan=()
            say "Installed, and yet not usable: $(description "$what")"
            stop_with_instructions "$what"
        fi
    done
}

require_cargo() {
    if has cargo; then return; fi
    if [[ -x ${CARGO_HOME:-$HOME/.cargo}/bin/cargo ]]; then
        PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH
        return
    fi
    say "error: Rust's cargo is not on this machine. It installs without root:"
    say "    https://rustup.rs"
    exit 1
}

# Where cargo puts what it builds, whatever the environment and configuration say.
target_directory() {
    cargo metadata --format-version 1 --no-deps --locked |
        sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p'
}
