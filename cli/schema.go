package cli

import (
	"github.com/spf13/cobra"

	"crontopus.dev/crontopus/schema"
)

func newSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of a manifest",
		Long: `Prints the JSON Schema (draft 2020-12) of a manifest, as it is published at
` + schema.ID + `

An editor with a YAML language server checks a manifest that begins with the line

  # yaml-language-server: $schema=` + schema.ID,
		Example: "  crontopus schema > manifest.schema.json",
		Args:    exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := cmd.OutOrStdout().Write(schema.JobSchema())
			return err
		},
	}
}
