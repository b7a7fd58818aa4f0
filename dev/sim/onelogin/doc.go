// Package onelogin is a stand-in for OneLogin's API: users and custom attribute
// definitions (v2), ending sessions (v1), tokens and limits, as an http.Handler
// that keeps everything in memory.
//
// It is meant to pass for the real thing with clients that nobody here wrote:
// strict where OneLogin is known to be strict, lenient where it is known to be
// lenient. Where nothing is known, a comment says what was chosen and why; the
// choice is then the one that catches more mistakes of a client.
//
// Besides the API it answers, without credentials:
//
//	GET    /_sim/users       every user with every attribute, and _sessions_ended_at
//	POST   /_sim/users       add one, read-only attributes and id included
//	PUT    /_sim/users/{id}  merge into one, read-only attributes included
//	DELETE /_sim/users/{id}
//	GET    /_sim/sessions    [{"user_id":1,"ended_at":"…"}], in the order they were ended
//	GET    /_sim/limits      {"refused_by_budget":0,"refused_by_burst":0,"busiest_second":8,"budgets":[{"began":"…","calls":540}]}:
//	                         the calls answered with 429 since the start, the most that came within a second, wherever it
//	                         began, and those granted by budgets, the present last
//	GET    /_sim/settings    the Settings
//	PUT    /_sim/settings    change some of them
//	PUT    /_sim/credentials {"client_secret":"…"}: from now on no other, and no token granted before
//
// and what package control answers: calls, faults and clock. Pages of everybody
// are counted as "GET /api/2/users?page" too, beside "GET /api/2/users", which
// counts look-ups as well. Every time that
// matters to the account (token life, hourly budget, statuses that change by
// themselves) is read from control's clock.
//
// It may import package control and the standard library. It must not know the
// product's client: what the two agree on is OneLogin's documentation.
package onelogin
