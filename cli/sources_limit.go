package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/client"
)

// limitFlags are the words that bound what a source's jobs may reach.
type limitFlags struct {
	namespaces, labels, users []string
	maxEntries                int
}

func (f *limitFlags) add(flags *pflag.FlagSet) {
	flags.StringArrayVar(&f.namespaces, "namespace", nil, "`pattern` of namespaces that its jobs may be in, such as 'team-*'; may be repeated")
	flags.StringArrayVar(&f.labels, "label", nil, "`KEY=VALUE` that the target of each of its jobs must name; may be repeated")
	flags.StringArrayVar(&f.users, "user", nil, "`user` that its jobs may run as, and must name; may be repeated")
	flags.IntVar(&f.maxEntries, "max-entries", 0, "how many entries it may have: its jobs, each counted once for every host (0: any number)")
}

func (f *limitFlags) read() (limits crontopus.SourceLimits, err error) {
	labels, err := parseLabels("label", f.labels)
	if err != nil {
		return limits, err
	}
	limits = crontopus.SourceLimits{Namespaces: f.namespaces, Labels: labels, Users: f.users, MaxEntries: f.maxEntries}
	return limits, limits.Check()
}

func newSourcesLimitCommand() *cobra.Command {
	var f limitFlags
	var none bool
	cmd := &cobra.Command{
		Use:   "limit NAME",
		Short: "Limit what the jobs of a source may reach",
		Long: `Limit what the jobs of a source may reach, so that whoever may push to its repository gets
no further. The flags say all of its limits: what they do not name is not limited any more.

A revision that goes beyond a limit is refused as a whole, with every place in it that does.
What is in force stays, also when a new limit would refuse it: the source then says
ValidationFailed until a revision comes that is within, or the limit is widened. With --label, a
target that names hosts or all of them is beyond the limit. With --user, a job that names no
user is. Hosts that are enrolled later get the jobs of a source even if its entries then are
more than --max-entries; no further revision is accepted until they are within.`,
		Example: `  crontopus sources limit shop --namespace 'shop-*' --label team=shop --user shop --max-entries 500
  crontopus sources limit shop --none`,
		Args: exactArgs("NAME"),
	}
	f.add(cmd.Flags())
	cmd.Flags().BoolVar(&none, "none", false, "take all limits away")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		limits, err := f.read()
		if err != nil {
			return err
		}
		if none != limits.IsZero() {
			return crontopus.Errorf(crontopus.CodeInvalid, "say either the limits or --none").
				WithHint("write crontopus sources limit %s --namespace 'team-*', or crontopus sources limit %s --none", args[0], args[0])
		}
		return sourceAction(cmd, args[0], "Limited "+args[0]+"; crontopus sources get "+args[0]+" tells whether its jobs are within", func(api *client.Client) error {
			return api.LimitSource(cmd.Context(), args[0], limits)
		})
	}
	return cmd
}

// describeLimits writes the limits that there are.
func describeLimits(t *table, l crontopus.SourceLimits) {
	for _, limit := range []struct{ name, value string }{
		{"Namespaces:", strings.Join(l.Namespaces, ", ")},
		{"Target labels:", strings.Trim(labels(l.Labels), "-")},
		{"Users:", strings.Join(l.Users, ", ")},
	} {
		if limit.value != "" {
			t.row(limit.name, "only "+limit.value)
		}
	}
	if l.MaxEntries > 0 {
		t.row("Entries:", fmt.Sprintf("at most %d", l.MaxEntries))
	}
}
