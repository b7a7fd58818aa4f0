// Package bob stands in for the HiBob API in tests and demos: reading people,
// the company's fields and named lists, and webhooks, with the real one's
// quirks and limits as far as they are known.
//
// The API is served under /v1 and without it, so that a base URL may have the
// prefix or not; calls are counted under /v1 either way. Under /_sim/ the
// stand-in is controlled, in JSON and without credentials:
//
//	GET    /_sim/people             every record, nested and full
//	GET    /_sim/people/{id}        one record
//	PUT    /_sim/people/{id}        merge a nested record, null included; creates (201) when new
//	DELETE /_sim/people/{id}        remove
//	GET    /_sim/events             the log of webhook deliveries
//	POST   /_sim/events             send webhooks: see Event
//	DELETE /_sim/events             forget the log
//	POST   /_sim/ping               send the connection test; {"signed":true} signs it
//	GET    /_sim/settings           see Settings
//	PUT    /_sim/settings           change those that are named
//	PUT    /_sim/credentials        {"token":"…"}: the service user's, from now on
//	GET    /_sim/firewall           whether and how often credentials were blocked
//
// PUT and DELETE of a person send the webhooks named by ?event=employee.updated,
// which may be repeated, and none without it; &wait=true answers once they are
// delivered or given up. Where a merge names a title or department by label, the
// item is looked up, and added to its list when new.
//
// The package imports control and people besides the standard library. It must
// not know the product's own Bob client: sharing code with that would let one
// misreading of the API pass on both sides.
package bob
