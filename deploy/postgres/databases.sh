#!/bin/sh
# Makes the databases `dagster` and `mlflow`, each with a role of its own that owns it and nothing else.
# The image of PostgreSQL runs (or reads) this once, when its data folder is new; the passwords are those that
# the service `init` has made. PGPORT and the like may point elsewhere: for a server that is there already.
set -eu

for name in dagster mlflow; do
    # From the environment, not the command line, which can be read by others.
    ROLE_PASSWORD=$(cat "${BROWSE_SECRETS_DIR:-/secrets}/$name/password")
    export ROLE_PASSWORD
    psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --set=name="$name" --username="${POSTGRES_USER:-postgres}" \
        --dbname=postgres <<'SQL'
\getenv password ROLE_PASSWORD
SELECT format('CREATE ROLE %I LOGIN PASSWORD %L', :'name', :'password') \gexec
SELECT format('CREATE DATABASE %I OWNER %I', :'name', :'name') \gexec
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', :'name') \gexec
SQL
done
unset ROLE_PASSWORD
