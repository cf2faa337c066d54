package manifests

import (
	"strings"

	"github.com/goccy/go-yaml/token"
)

// syntaxErrors are the parser's messages, by a part of each, and what they mean to
// somebody who has not read the YAML specification.
var syntaxErrors = []struct{ part, message, hint string }{
	{"found character '\t'", "the line is indented with a tab", "indent with spaces"},
	{"tab character", "the line is indented with a tab", "indent with spaces"},
	{"is a reserved character", "a text without quotes cannot begin with this character", "put the text in quotes"},
	{"could not find end character", "the quoted text has no end", "add the closing quote"},
	{"unknown escape", "a text in double quotes has an escape that does not exist", "write \\\\ for a backslash, or use single quotes"},
	{"escaped UTF-", "a text in double quotes has an incomplete escape", "write \\u and four hexadecimal digits"},
	{"sequence end token", "the list has no end", "add the closing ]"},
	{"',' or ']' must be", "the list is not closed where it should be", "separate items with commas and close the list with ]"},
	{"flow mapping end token", "the mapping has no end", "add the closing }"},
	{"',' or '}' must be", "the mapping is not closed where it should be", "separate fields with commas and close the mapping with }"},
	{"corresponding to ']'", "there is a ] without a [", "remove it, or put the text in quotes"},
	{"corresponding to '}'", "there is a } without a {", "remove it, or put the text in quotes"},
	{"mapping value is not allowed", "there is a second `key:` on the line", "put the text in quotes if it has a colon in it"},
	{"block sequence entries are not", "a list cannot begin on the line of its key", "put the dash on the next line"},
	{"document separator", "the quoted text goes on past the end of the document", "add the closing quote"},
	{"multi-line", "the block of text is not indented", "indent its lines more than its key"},
	{"invalid header option", "the sign | or > has something after it that does not belong there", "write | or |- alone on the line"},
}

// addSyntax adds a problem for what the parser could not read.
func (d *document) addSyntax(libraryMessage string, tk *token.Token) {
	for _, known := range syntaxErrors {
		if strings.Contains(libraryMessage, known.part) {
			d.addAt(tk, CodeSyntax, known.message, known.hint)
			return
		}
	}
	d.addAt(tk, CodeSyntax, "this does not fit here", "look at the indentation, the quotes and the brackets from here upwards")
}
