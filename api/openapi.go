package api

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
)

// OpenAPI returns the description of the API as YAML, as it is committed in
// api/openapi.yaml. It needs no store.
func OpenAPI() ([]byte, error) {
	_, r := build(Options{})
	if r.err != nil {
		return nil, r.err
	}
	return r.huma.OpenAPI().YAML()
}

// Tags group the operations for a reader.
const (
	tagJobs          = "Jobs"
	tagRuns          = "Runs"
	tagIncidents     = "Incidents"
	tagCheckIns      = "Check-ins"
	tagSources       = "Sources"
	tagAgents        = "Agents"
	tagAgentProtocol = "Agent protocol"
	tagAccess        = "Access"
	tagServer        = "Server"
)

// permissionExtension is where an operation's description says who may use it.
const permissionExtension = "x-crontopus-permission"

// apiVersion is that of the routes, not of the program.
const apiVersion = "1.0.0"

func humaConfig() huma.Config {
	schemas := huma.NewMapRegistry("#/components/schemas/", schemaName)
	schemas.RegisterTypeAlias(reflect.TypeFor[crontopus.Schedules](), reflect.TypeFor[schedulesSchema]())
	schemas.RegisterTypeAlias(reflect.TypeFor[crontopus.Size](), reflect.TypeFor[sizeSchema]())
	schemas.RegisterTypeAlias(reflect.TypeFor[problem](), reflect.TypeFor[wire.Problem]())
	config := huma.DefaultConfig("Crontopus", apiVersion)
	config.Formats = map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat}
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", "" // description serves it, as a listed route
	config.CreateHooks = nil                                             // no $schema in answers
	config.Components = &huma.Components{Schemas: schemas, SecuritySchemes: securitySchemes}
	config.Info.Description = "Git is the source of truth for cron jobs; this API shows what came of it. " +
		"What changes jobs goes through Git, not through here.\n\n" +
		"Lists are `{items, next}`; `after=next` gets the following page. Times are RFC 3339. " +
		"Errors are RFC 9457 problems with a stable `code`, often a `hint`, and the request's id; " +
		"whatever is wrong with what was sent is 400, and what is not there is answered as what one may not see: 404."
	for _, name := range []string{tagJobs, tagRuns, tagCheckIns, tagSources, tagAgents, tagAgentProtocol, tagAccess, tagServer} {
		config.Tags = append(config.Tags, &huma.Tag{Name: name})
	}
	return config
}

var securitySchemes = map[string]*huma.SecurityScheme{
	"apiKey": {Type: "http", Scheme: "bearer", Description: "An API key, ctk_…, of the role viewer, operator or admin; each includes the ones before it."},
	"agent": {Type: "http", Scheme: "bearer", BearerFormat: "JWT",
		Description: "A token that an enrolled agent signs itself with its ed25519 key: iss and sub are the agent's id, aud the installation's, good for at most 5 minutes."},
}

// operation begins the description of a route.
func operation(method, path, id, tag, summary, description string) huma.Operation {
	return huma.Operation{Method: method, Path: path, OperationID: id, Tags: []string{tag}, Summary: summary, Description: description}
}

// takeMore lets a message of agents, and all that it is made of, have fields that this version
// does not know: a newer agent may say more, and what is said beside it is worth having.
func takeMore(schemas map[string]*huma.Schema, name string) {
	s := schemas[name]
	if s == nil || s.AdditionalProperties == true {
		return
	}
	s.AdditionalProperties = true
	for _, field := range s.Properties {
		for field != nil && field.Items != nil {
			field = field.Items
		}
		takeMore(schemas, strings.TrimPrefix(field.Ref, "#/components/schemas/"))
	}
}

// created and accepted set the status of an answer that is not 200.
func created(op huma.Operation) huma.Operation  { op.DefaultStatus = http.StatusCreated; return op }
func accepted(op huma.Operation) huma.Operation { op.DefaultStatus = http.StatusAccepted; return op }

// describe adds what every route has: its permission and its errors.
func describe(api huma.API, needs permission, body bool, op *huma.Operation) {
	op.Extensions = map[string]any{permissionExtension: string(needs)}
	if needs.role() != "" {
		op.Security = append(op.Security, map[string][]string{"apiKey": {}})
	}
	if needs.agents() {
		op.Security = append(op.Security, map[string][]string{"agent": {}})
	}
	if op.Responses == nil {
		op.Responses = map[string]*huma.Response{}
	}
	statuses := []int{http.StatusInternalServerError, http.StatusServiceUnavailable}
	if needs != public {
		statuses = append(statuses, http.StatusUnauthorized, http.StatusForbidden)
	}
	if strings.Contains(op.Path, "{") {
		statuses = append(statuses, http.StatusNotFound)
	}
	if op.Method != http.MethodGet || strings.HasPrefix(op.Path, "/api/") {
		statuses = append(statuses, http.StatusBadRequest)
	}
	if body {
		statuses = append(statuses, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge)
	}
	schema := api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[wire.Problem](), true, "")
	for _, status := range statuses {
		op.Responses[strconv.Itoa(status)] = &huma.Response{
			Description: http.StatusText(status),
			Content:     map[string]*huma.MediaType{"application/problem+json": {Schema: schema}},
		}
	}
}

// takesBody reports whether an operation reads a body, by the fields that huma puts it in.
func takesBody[I any]() bool {
	in := reflect.TypeFor[I]()
	_, parsed := in.FieldByName("Body")
	_, raw := in.FieldByName("RawBody")
	return parsed || raw
}

// description serves the API's own description.
type description struct{ api huma.API }

func (d description) register(r *router) {
	op := operation(http.MethodGet, "/openapi.json", "openapi", tagServer, "This description, as OpenAPI 3.1", "")
	op.Hidden = true
	document := sync.OnceValues(func() ([]byte, error) { return json.Marshal(d.api.OpenAPI()) })
	add(r, public, op, func(context.Context, *struct{}) (*documentOut, error) {
		raw, err := document()
		return &documentOut{"application/openapi+json", raw}, err
	})
}

type documentOut struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

// schemaName tells apart the nouns that share a name with a message of the API.
func schemaName(t reflect.Type, hint string) string {
	switch t {
	case reflect.TypeFor[crontopus.Job]():
		return "Manifest"
	case reflect.TypeFor[crontopus.Problem](), reflect.TypeFor[*crontopus.Problem]():
		return "ManifestProblem"
	}
	return huma.DefaultSchemaNamer(t, hint)
}

// schedulesSchema describes crontopus.Schedules.
type schedulesSchema struct{}

// Schema implements huma.SchemaProvider.
func (schedulesSchema) Schema(huma.Registry) *huma.Schema {
	most := 16
	one := &huma.Schema{Type: huma.TypeString}
	return &huma.Schema{OneOf: []*huma.Schema{one, {Type: huma.TypeArray, Items: one, MaxItems: &most}},
		Description: "One cron expression, or a list of them"}
}

// sizeSchema describes crontopus.Size.
type sizeSchema struct{}

// Schema implements huma.SchemaProvider.
func (sizeSchema) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{OneOf: []*huma.Schema{{Type: huma.TypeString}, {Type: huma.TypeInteger}},
		Description: "A number of bytes, such as 10KiB"}
}

// bundleResponses describes the answers that are not JSON.
func bundleResponses() map[string]*huma.Response {
	return map[string]*huma.Response{
		"200": {Description: "The bundle in its signed envelope (DSSE)", Content: map[string]*huma.MediaType{wire.ContentTypeEnvelope: {
			Schema: &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{
				"payloadType": {Type: huma.TypeString}, "payload": {Type: huma.TypeString, ContentEncoding: "base64"},
				"signatures": {Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeObject}},
			}}}}},
		"204": {Description: "The agent has no bundle yet"},
		"304": {Description: "The agent has the newest bundle"},
	}
}

// checkInBody describes a body whose values the handler checks, item by item.
func checkInBody(api huma.API, batch bool) *huma.RequestBody {
	schemas := api.OpenAPI().Components.Schemas
	schema := schemas.Schema(reflect.TypeFor[crontopus.CheckIn](), true, "")
	if batch {
		most := wire.MaxCheckIns
		schema = &huma.Schema{OneOf: []*huma.Schema{
			schema,
			{Type: huma.TypeArray, Items: schema, MaxItems: &most},
			schemas.Schema(reflect.TypeFor[wire.CheckIns](), true, ""),
		}}
	}
	return &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: schema}}}
}

// webhookBody describes the one thing that is read of a delivery.
func webhookBody() *huma.RequestBody {
	schema := &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true,
		Properties: map[string]*huma.Schema{"ref": {Type: huma.TypeString, Examples: []any{"refs/heads/main"}}}}
	return &huma.RequestBody{Content: map[string]*huma.MediaType{"application/json": {Schema: schema}}}
}
