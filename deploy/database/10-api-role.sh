#!/bin/sh
# Run once by the image when it makes the database: the API's role, with its password, before the migrations need it.
set -eu
password=$(cat /run/secrets/api_database_password)
psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" -v "password=$password" <<'SQL'
CREATE ROLE vouch_api LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD :'password';
SQL
