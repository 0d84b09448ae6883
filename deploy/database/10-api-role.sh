#!/bin/sh
# Run once by the image when it makes the database: the API's role, with its password, before the migrations need it.
set -eu
test -s /run/secrets/api_database_password
# psql reads the file itself: on its command line the password would be in the list of processes.
psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
\set password `cat /run/secrets/api_database_password`
CREATE ROLE vouch_api LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD :'password';
SQL
