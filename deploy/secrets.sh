#!/bin/sh
# Makes the files that docker-compose.yml takes its secrets from:
#
#   deploy/secrets.sh           those of a real installation, in secrets/
#   deploy/secrets.sh --demo    those of the stand-ins, in secrets/demo/
#
# What can be made up is made up: the password of the database, the key of the
# payloads, a token of the codec server. What comes from Bob and OneLogin is left
# empty, to be filled in. A file that is there is never touched.
#
# The folder is closed to everybody else on this machine. The files in it are
# not, because each container reads its own as a user that this machine does not
# know.
set -eu
cd "$(dirname "$0")/.."

dir=secrets
umask 077
mkdir -p "$dir"
if [ "${1:-}" = --demo ]; then
	dir=secrets/demo
	mkdir -p "$dir"
fi

secret() { # secret NAME VALUE
	[ -e "$dir/$1" ] && return
	printf '%s\n' "$2" >"$dir/$1"
	chmod 0644 "$dir/$1"
	echo "Made $dir/$1"
}

secret postgres_password "$(openssl rand -hex 24)"
secret payload_keys "$(date -u +%Y-%m-%d):$(openssl rand -base64 32)"
secret codec_tokens "$(openssl rand -hex 32)"
secret ui_client_secret ""
secret notify_url ""
if [ "$dir" = secrets/demo ]; then
	# What the stand-ins take, unless told otherwise: dev/sim.
	secret bob_service_user_token sim-bob-token
	secret bob_webhook_secrets sim-webhook-secret
	secret onelogin_client_secret sim-client-secret
	exit
fi
secret bob_service_user_token ""
secret bob_webhook_secrets ""
secret onelogin_client_secret ""
for name in bob_service_user_token bob_webhook_secrets onelogin_client_secret; do
	[ -s "$dir/$name" ] && [ -n "$(tr -d '[:space:]' <"$dir/$name")" ] || echo "To be filled in: $dir/$name"
done
