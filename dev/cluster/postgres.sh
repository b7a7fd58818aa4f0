#!/bin/sh
# Sees to it that PostgreSQL's server is installed, for `make cluster-test`. On
# Debian and Ubuntu root gets it from the packages; nothing is started by that,
# and no database is made.
set -eu

for postgres in /usr/lib/postgresql/*/bin/postgres; do
	[ ! -x "$postgres" ] || exit 0
done
if command -v postgres >/dev/null && command -v initdb >/dev/null; then
	exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "PostgreSQL's server is not installed: on Debian or Ubuntu, sudo apt-get install postgresql; elsewhere, have postgres and initdb, 12 or newer, on the PATH." >&2
	exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -yq --no-install-recommends postgresql-common
sed -i 's/^#\? *create_main_cluster *=.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
apt-get install -yq --no-install-recommends postgresql
