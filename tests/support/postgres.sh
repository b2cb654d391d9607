# A throw-away PostgreSQL cluster with a socket of its own and no port. It prints its directory; then, for each line on its
# standard input, it starts the server (again) and prints the server's process id, or nothing if it does not start. When
# its standard input closes, as it does when whoever started it is gone, it stops the server and removes everything.
# Arguments: settings of the server, as `name=value`.
set -u
options="-c listen_addresses="
for setting; do options="$options -c $setting"; done
for directory in /usr/lib/postgresql/*/bin; do
    [ -x "$directory/initdb" ] && PATH=$directory:$PATH
done
# PostgreSQL refuses to run as root.
as_owner=
if [ "$(id -u)" -eq 0 ]; then
    owner=postgres
    id "$owner" >/dev/null 2>&1 || owner=nobody
    as_owner="runuser -u $owner --"
fi
cd /
# Short, because the path of a socket has at most 107 bytes.
directory=$($as_owner mktemp -d /tmp/symbolon-XXXXXX) || exit 1
trap '$as_owner pg_ctl -D "$directory/data" -m immediate stop >/dev/null 2>&1; rm -rf "$directory"' EXIT
# It ends when its input does, and not before.
trap '' INT TERM
$as_owner initdb -D "$directory/data" -A trust -U postgres --no-sync --locale=C.UTF-8 -E UTF8 >/dev/null || exit 1
echo "$directory"
while read -r _; do
    $as_owner pg_ctl -D "$directory/data" -w -s -l "$directory/log" -o "$options -k $directory" start </dev/null >/dev/null || cat "$directory/log" >&2
    head -n 1 "$directory/data/postmaster.pid"
done
