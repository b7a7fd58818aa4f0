#!/bin/sh
# Starts the web UI of the image temporalio/ui with the client secret of its
# single sign-on from a file: the image itself takes it from the environment
# alone.
set -eu

TEMPORAL_AUTH_CLIENT_SECRET=$(cat "$UI_CLIENT_SECRET_FILE")
export TEMPORAL_AUTH_CLIENT_SECRET
exec ./start-ui-server.sh
