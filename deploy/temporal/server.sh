#!/bin/sh
# Starts the server of the image temporalio/server with the database's password
# from a file: the image itself takes it from the environment alone.
set -eu

POSTGRES_PWD=$(cat "$POSTGRES_PASSWORD_FILE")
export POSTGRES_PWD
exec /etc/temporal/entrypoint.sh
