#!/bin/sh
# Makes both databases of a Temporal server and brings their schema to the
# version of the tool here. Run again, it changes nothing; run with a newer
# tool, it upgrades, which a newer server asks for before it starts.
#
# Told by SQL_HOST, SQL_PORT, SQL_USER, SQL_PLUGIN and SQL_PASSWORD_FILE.
set -eu

SQL_PASSWORD=$(cat "$SQL_PASSWORD_FILE")
export SQL_PASSWORD

for schema in temporal visibility; do
	case $schema in
	temporal) database=temporal ;;
	visibility) database=temporal_visibility ;;
	esac
	temporal-sql-tool --db "$database" create-database
	temporal-sql-tool --db "$database" setup-schema -v 0.0
	temporal-sql-tool --db "$database" update-schema --schema-name "postgresql/v12/$schema"
done
