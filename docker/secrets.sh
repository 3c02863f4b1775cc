#!/bin/sh
# Creates the secrets for docker compose, each in a file of the folder secrets/. Existing files are kept.
# The containers read the files as different users, so the files are world-readable. Only the owner can access the folder.
set -eu
cd "$(dirname "$0")/.."
umask 022
mkdir -p secrets
chmod 700 secrets

keep() { # keep NAME VALUE
    if [ ! -e "secrets/$1" ]; then
        printf '%s\n' "$2" >"secrets/.$1.new"
        mv "secrets/.$1.new" "secrets/$1"
        echo "made secrets/$1"
    fi
}

random() {
    od -An -N24 -tx1 /dev/urandom | tr -d ' \n'
}

keep postgres_password "$(random)"
keep owner_password "$(random)"
keep service_password "$(random)"
keep database_url "postgresql://cabinet_service:$(cat secrets/service_password)@database:5432/cabinet"
keep owner_database_url "postgresql://cabinet_owner:$(cat secrets/owner_password)@database:5432/cabinet"
keep admin_key "$(random)"
