#!/bin/sh
# Makes the namespace, or gives one that is there the retention asked for, and
# returns when workers can use it.
#
# Told by TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and NAMESPACE_RETENTION, which is
# how long workflows that have ended can be looked at.
set -eu

if temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1; then
	temporal operator namespace update --namespace "$TEMPORAL_NAMESPACE" --retention "$NAMESPACE_RETENTION"
else
	temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$NAMESPACE_RETENTION"
fi

# The server takes seconds to know its own new namespace.
tries=0
until temporal workflow count --namespace "$TEMPORAL_NAMESPACE" >/dev/null; do
	tries=$((tries + 1))
	[ $tries -lt 30 ] || exit 1
	sleep 1
done
