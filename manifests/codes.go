package manifests

import (
	crontopus "crontopus.dev/crontopus"
	"crontopus.dev/crontopus/schema"
)

// Codes of a manifest's problems. Each has a file of its name under testdata/bad.
const (
	CodeTooLarge        = crontopus.CodeTooLarge // the file is over 256 KiB
	CodeNotText         = "not_text"             // not UTF-8, or characters that text does not have
	CodeTooComplex      = "too_complex"          // too many tokens, too deep, too long a key, too many blank lines
	CodeSyntax          = "syntax"               // not YAML
	CodeYAMLFeature     = "yaml_feature"         // YAML that manifests do without: anchors, aliases, merge keys, tags, directives
	CodeDuplicateKey    = "duplicate_key"        // a mapping has a key twice
	CodeKeyType         = "key_type"             // a key that is not text
	CodeNumber          = "number"               // NaN, infinity, or a number that YAML versions read differently
	CodeHiddenCharacter = "hidden_character"     // a control or bidirectional character in a value

	CodeNotAManifest = "not_a_manifest" // a document of something else
	CodeAPIVersion   = "api_version"    // another apiVersion
	CodeUnknownKind  = "unknown_kind"   // a kind that does not exist

	CodeUnknownField = schema.CodeUnknownField
	CodeMissingField = schema.CodeMissingField
	CodeWrongType    = schema.CodeWrongType
	CodeInvalid      = schema.CodeInvalid

	CodeSchedule     = "schedule"      // not a cron expression, or one that never comes
	CodeTimezone     = "timezone"      // no such zone
	CodeDuplicateJob = "duplicate_job" // two manifests name one job
	CodeMatrix       = "matrix"        // a placeholder, dimension or name that does not fit the others
	CodeUnreadable   = "unreadable"    // a file that cannot be read, or is none

	CodeDuplicateDefaults = "duplicate_defaults" // two Defaults in one folder
	CodeDuplicateName     = "duplicate_name"     // two policies, channels or windows have one name
	CodeDependency        = "dependency"         // jobs that wait for each other, or for themselves
)

// Codes lists every code that a problem of a manifest can have.
func Codes() []string {
	return []string{
		CodeTooLarge, CodeNotText, CodeTooComplex, CodeSyntax, CodeYAMLFeature, CodeDuplicateKey, CodeKeyType,
		CodeNumber, CodeHiddenCharacter, CodeNotAManifest, CodeAPIVersion, CodeUnknownKind,
		CodeUnknownField, CodeMissingField, CodeWrongType, CodeInvalid, CodeSchedule, CodeTimezone,
		CodeDuplicateJob, CodeMatrix, CodeUnreadable, CodeDuplicateDefaults,
		CodeDuplicateName, CodeDependency,
	}
}
