#!/bin/sh
# Makes the secrets of deploy/compose.yaml once, in the folder given (deploy/secrets), and .env beside that folder;
# never overwrites.
set -eu
folder=${1:-$(dirname "$0")/secrets}
umask 022
mkdir -p "$folder"
# The folder keeps others out; the files are read by the containers' users, who see only what is mounted.
chmod 700 "$folder"
if [ -e "$folder/database_password" ]; then
    echo "$folder has its secrets already" >&2
    exit 1
fi
random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
owner=$(random)
api=$(random)
printf '%s' "$owner" > "$folder/database_password"
printf '%s' "$api" > "$folder/api_database_password"
printf 'postgresql://vouch:%s@database:5432/vouch' "$owner" > "$folder/vouch_database_url"
printf 'postgresql://vouch_api:%s@database:5432/vouch' "$api" > "$folder/vouch_api_database_url"
random > "$folder/grafana_password"
# Whom `docker compose run tools` runs as; compose reads .env beside compose.yaml.
[ -e "$folder/../.env" ] || printf 'VOUCH_TOOLS_USER=%s:%s\n' "$(id -u)" "$(id -g)" > "$folder/../.env"
echo "made $folder"
