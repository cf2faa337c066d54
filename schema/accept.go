package schema

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"
)

// rule is a schema that only answers whether a value is valid. Most manifests are, and the
// answer then costs a tenth of what the library needs, which is asked for the reasons when
// something is wrong. If the schema has a keyword that rules do not know, nothing is accepted
// and the library decides: what it refuses is never accepted.
type rule struct {
	ref                        *rule
	types                      []string
	constant                   *any
	enum                       []any
	required                   []string
	properties                 map[string]*rule
	additional                 *rule // nil: whatever there is
	names                      *rule
	dependent                  map[string][]string
	items                      *rule
	all, anyOf, oneOf          []*rule
	not, condition, then, els  *rule
	pattern                    *regexp.Regexp
	minimum, maximum           *float64
	minLength, maxLength       *int
	minItems, maxItems         *int
	minProperties, maxProperty *int
	unique                     bool
	nothing                    bool // accepts no value
}

// accepts reports whether the published schema surely has nothing against the value.
func accepts(value any) bool { return quick().accepts(value) }

// quick is the published schema as a rule.
var quick = sync.OnceValue(func() *rule {
	var doc map[string]any
	if err := json.Unmarshal(manifest, &doc); err != nil {
		panic(fmt.Sprintf("schema: the embedded schema is damaged: %v", err))
	}
	r, unknown := ruleOf(doc)
	if unknown != nil {
		return &rule{nothing: true}
	}
	return r
})

// ruleOf makes the rule of a document, and tells the keywords that it does not know.
func ruleOf(doc map[string]any) (r *rule, unknown []string) {
	c := ruleCompiler{doc: doc, refs: map[string]*rule{}}
	return c.compile(doc), c.unknown
}

// ruleCompiler makes rules of a document; what is referred to twice is made once.
type ruleCompiler struct {
	doc     map[string]any
	refs    map[string]*rule
	unknown []string // keywords that a rule does not know
}

// annotations are keywords that say nothing about what is valid.
var annotations = map[string]bool{
	"$schema": true, "$id": true, "$defs": true, "$comment": true, "title": true, "description": true,
	"default": true, "examples": true, "writeOnly": true, "readOnly": true, "deprecated": true,
}

func (c *ruleCompiler) compile(schema any) *rule {
	object, isObject := schema.(map[string]any)
	if !isObject {
		return &rule{nothing: schema != true}
	}
	r := &rule{}
	for keyword, value := range object {
		if !annotations[keyword] && !c.keyword(r, keyword, value) {
			c.unknown = append(c.unknown, keyword)
		}
	}
	return r
}

// keyword takes one keyword into the rule, and reports whether it is one that rules know.
func (c *ruleCompiler) keyword(r *rule, keyword string, value any) bool {
	switch keyword {
	case "$ref":
		r.ref = c.reference(value)
		return r.ref != nil
	case "type":
		r.types = texts(value)
		return r.types != nil
	case "const":
		r.constant = &value
	case "enum":
		r.enum, _ = value.([]any)
	case "required":
		r.required = texts(value)
	case "properties":
		r.properties = map[string]*rule{}
		properties, _ := value.(map[string]any)
		for name, property := range properties {
			r.properties[name] = c.compile(property)
		}
	case "additionalProperties":
		r.additional = c.compile(value)
	case "propertyNames":
		r.names = c.compile(value)
	case "dependentRequired":
		r.dependent = map[string][]string{}
		dependent, _ := value.(map[string]any)
		for name, needs := range dependent {
			r.dependent[name] = texts(needs)
		}
	case "items":
		r.items = c.compile(value)
	case "allOf":
		r.all = c.list(value)
	case "anyOf":
		r.anyOf = c.list(value)
	case "oneOf":
		r.oneOf = c.list(value)
	case "not":
		r.not = c.compile(value)
	case "if":
		r.condition = c.compile(value)
	case "then":
		r.then = c.compile(value)
	case "else":
		r.els = c.compile(value)
	case "pattern":
		text, _ := value.(string)
		var err error
		r.pattern, err = regexp.Compile(text)
		return err == nil
	case "uniqueItems":
		r.unique = value == true
	default:
		return r.bound(keyword, value)
	}
	return true
}

// bound takes in a keyword whose value is a number.
func (r *rule) bound(keyword string, value any) bool {
	limit, isNumber := value.(float64)
	whole := int(limit)
	switch keyword {
	case "minimum":
		r.minimum = &limit
	case "maximum":
		r.maximum = &limit
	case "minLength":
		r.minLength = &whole
	case "maxLength":
		r.maxLength = &whole
	case "minItems":
		r.minItems = &whole
	case "maxItems":
		r.maxItems = &whole
	case "minProperties":
		r.minProperties = &whole
	case "maxProperties":
		r.maxProperty = &whole
	default:
		return false
	}
	return isNumber
}

func (c *ruleCompiler) list(value any) []*rule {
	list, _ := value.([]any)
	rules := make([]*rule, len(list))
	for i, schema := range list {
		rules[i] = c.compile(schema)
	}
	return rules
}

// reference makes the rule of a "#/…" address once; a schema may refer to itself.
func (c *ruleCompiler) reference(value any) *rule {
	address, _ := value.(string)
	if known := c.refs[address]; known != nil {
		return known
	}
	pointer, local := strings.CutPrefix(address, "#")
	if !local || pointer != "" && pointer[0] != '/' {
		return nil
	}
	var at any = c.doc
	for _, key := range Keys(pointer) {
		object, _ := at.(map[string]any)
		if at = object[key]; at == nil {
			return nil
		}
	}
	r := &rule{}
	c.refs[address] = r
	*r = *c.compile(at)
	return r
}

func texts(value any) (list []string) {
	if text, isText := value.(string); isText {
		return []string{text}
	}
	values, _ := value.([]any)
	for _, v := range values {
		text, _ := v.(string)
		list = append(list, text)
	}
	return list
}

func (r *rule) accepts(value any) bool {
	if r.nothing ||
		r.types != nil && !r.hasType(value) ||
		r.constant != nil && !equal(value, *r.constant) ||
		r.enum != nil && !contains(r.enum, value) ||
		r.ref != nil && !r.ref.accepts(value) {
		return false
	}
	ok := true
	switch v := value.(type) {
	case map[string]any:
		ok = r.acceptsObject(v)
	case []any:
		ok = r.acceptsList(v)
	case string:
		ok = r.acceptsText(v)
	case int64:
		ok = (r.minimum == nil || float64(v) >= *r.minimum) && (r.maximum == nil || float64(v) <= *r.maximum)
	case float64:
		ok = (r.minimum == nil || v >= *r.minimum) && (r.maximum == nil || v <= *r.maximum)
	case nil, bool:
	default:
		return false // no manifest decodes to it
	}
	return ok && r.acceptsByOthers(value)
}

func (r *rule) acceptsObject(object map[string]any) bool {
	if r.minProperties != nil && len(object) < *r.minProperties || r.maxProperty != nil && len(object) > *r.maxProperty || !hasAll(object, r.required) {
		return false
	}
	if r.properties != nil || r.additional != nil || r.names != nil {
		for name, value := range object {
			field := r.properties[name]
			if field == nil {
				field = r.additional
			}
			if field != nil && !field.accepts(value) || r.names != nil && !r.names.accepts(name) {
				return false
			}
		}
	}
	for name, needs := range r.dependent {
		if _, has := object[name]; has && !hasAll(object, needs) {
			return false
		}
	}
	return true
}

func (r *rule) acceptsList(list []any) bool {
	if r.minItems != nil && len(list) < *r.minItems || r.maxItems != nil && len(list) > *r.maxItems {
		return false
	}
	for i, item := range list {
		if r.items != nil && !r.items.accepts(item) || r.unique && contains(list[:i], item) {
			return false
		}
	}
	return true
}

func (r *rule) acceptsText(text string) bool {
	if r.minLength != nil || r.maxLength != nil {
		n := utf8.RuneCountInString(text)
		if r.minLength != nil && n < *r.minLength || r.maxLength != nil && n > *r.maxLength {
			return false
		}
	}
	return r.pattern == nil || r.pattern.MatchString(text)
}

// acceptsByOthers asks the rules that this one is made of.
func (r *rule) acceptsByOthers(value any) bool {
	count := func(rules []*rule) (n int) {
		for _, other := range rules {
			if other.accepts(value) {
				n++
			}
		}
		return n
	}
	if len(r.all) > 0 && count(r.all) < len(r.all) || len(r.anyOf) > 0 && count(r.anyOf) == 0 || len(r.oneOf) > 0 && count(r.oneOf) != 1 {
		return false
	}
	if r.not != nil && r.not.accepts(value) {
		return false
	}
	if r.condition != nil {
		branch := r.els
		if r.condition.accepts(value) {
			branch = r.then
		}
		return branch == nil || branch.accepts(value)
	}
	return true
}

func hasAll(object map[string]any, names []string) bool {
	for _, name := range names {
		if _, has := object[name]; !has {
			return false
		}
	}
	return true
}

func (r *rule) hasType(value any) bool {
	for _, name := range r.types {
		ok := false
		switch v := value.(type) {
		case nil:
			ok = name == "null"
		case bool:
			ok = name == "boolean"
		case string:
			ok = name == "string"
		case int64:
			ok = name == "integer" || name == "number"
		case float64:
			ok = name == "number" || name == "integer" && v == math.Trunc(v)
		case []any:
			ok = name == "array"
		case map[string]any:
			ok = name == "object"
		}
		if ok {
			return true
		}
	}
	return false
}

func contains(list []any, value any) bool {
	for _, item := range list {
		if equal(item, value) {
			return true
		}
	}
	return false
}

// equal compares as JSON does: numbers by their value.
func equal(a, b any) bool {
	switch v := a.(type) {
	case string:
		w, ok := b.(string)
		return ok && v == w
	case int64:
		a = float64(v)
	}
	if v, isInt := b.(int64); isInt {
		b = float64(v)
	}
	return reflect.DeepEqual(a, b)
}
