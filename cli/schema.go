package cli

import (
	"github.com/spf13/cobra"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/schema"
)

func newSchemaCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of a manifest",
		Long: `Prints the JSON Schema of a manifest, in the words of draft 2020-12, as it is published
at ` + schema.ID + `

With --draft 7 it is the twin that editors read, which accepts and refuses the same:
` + schema.TwinID + `

An editor with a YAML language server checks a manifest that begins with the line

  # yaml-language-server: $schema=` + schema.ID + `

docs/editors.md says how each editor is told to do it for all manifests.`,
		Example: `  crontopus schema > manifest.schema.json
  crontopus schema --draft 7 > manifest.draft-07.json`,
		Args: exactArgs(),
	}
	draft := cmd.Flags().String("draft", "2020-12", "the draft of JSON Schema: 2020-12 or 7")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		document, err := schemaOf(*draft)
		if err != nil {
			return err
		}
		_, err = cmd.OutOrStdout().Write(document)
		return err
	}
	return cmd
}

func schemaOf(draft string) ([]byte, error) {
	switch draft {
	case "2020-12":
		return schema.JobSchema(), nil
	case "7":
		return schema.Twin()
	}
	return nil, crontopus.Errorf(crontopus.CodeInvalid, "the schema is not written in draft %q", draft).WithHint("write --draft 2020-12 or --draft 7")
}
