// Package store keeps everything that Crontopus must not forget. All SQL of the product
// is here, one text for every engine, in files named after what their SQL is about.
//
// SQLite serves one server, PostgreSQL any number of them. There row-level security is a
// second wall behind the queries: a transaction sees its scope's rows only.
//
// Each exported method is one transaction. It takes the tenant whose rows it may see, or
// is named System… for the few that must look across tenants: credentials, due sources,
// the publish queue. An error that a caller may act on is a *crontopus.Error; an engine's
// own errors become one where they leave the engine, and nowhere else.
//
// It imports the root package only; storetest holds the cases that every engine passes.
package store
