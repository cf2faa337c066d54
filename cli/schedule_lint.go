package cli

import (
	"io"
	"strings"

	"github.com/spf13/cobra"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/cli/findings"
	"crontopus.dev/crontopus/manifests/lint"
	"crontopus.dev/crontopus/schedule"
)

// maxLintInput bounds what schedule lint reads.
const maxLintInput = 16 << 20

func newScheduleLintCommand() *cobra.Command {
	var timezone, job string
	var strict bool
	cmd := &cobra.Command{
		Use:   "lint",
		Short: "Check cron expressions from standard input, one a line",
		Long: `Check cron expressions from standard input, one a line: five fields or a macro, and after
them the time zone, where it is another than --timezone. Empty lines and those that begin
with # are left out.

Exit code: 0 all is well, 1 there are problems, 2 the input could not be read. Warnings alone
end with 0, unless --strict is given.`,
		Example: `  echo '30 2 * * * Europe/Berlin' | crontopus schedule lint
  crontopus schedule lint --timezone Europe/Berlin -o json < schedules.txt`,
		Args: exactArgs(),
	}
	cmd.Flags().StringVar(&timezone, "timezone", crontopus.DefaultTimezone, "IANA name of the time zone of lines that name none")
	cmd.Flags().StringVar(&job, "job", "default/job", "the job whose schedules they are, as NAMESPACE/NAME: it decides about H")
	cmd.Flags().BoolVar(&strict, "strict", false, "end with 1 for warnings, too")
	output := addOutputFlag(cmd, findings.Text, findings.JSON)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		name, err := crontopus.ParseJobName(job)
		if err != nil {
			return err
		}
		if _, err := schedule.Location(timezone); err != nil {
			return err
		}
		data, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), maxLintInput+1))
		switch {
		case err != nil:
			return cannotRead("-", err)
		case len(data) > maxLintInput:
			return crontopus.Errorf(crontopus.CodeInvalid, "standard input has more than %d MiB", maxLintInput>>20).WithHint("check it in parts")
		}
		lines := strings.Split(strings.ReplaceAll(strings.TrimPrefix(string(data), "\ufeff"), "\r\n", "\n"), "\n")
		r := &findings.Report{
			Files: []string{"-"}, Lines: func(string) []string { return lines }, Help: lint.Page,
			Color: styleOf(cmd.OutOrStdout()).color,
		}
		for i, line := range lines {
			if text := strings.TrimSpace(line); text != "" && text[0] != '#' {
				r.Jobs++
				r.Problems = append(r.Problems, lintLine(text, i+1, timezone, name)...)
			}
		}
		if err := r.Write(cmd.OutOrStdout(), output.value); err != nil {
			return err
		}
		cmd.PrintErrf("schedules: %d, errors: %d, warnings: %d\n", r.Jobs, r.Errors(), len(r.Problems)-r.Errors())
		if r.Errors() > 0 || strict && len(r.Problems) > 0 {
			return errProblems
		}
		return nil
	}
	return cmd
}

// lintLine checks one expression and, perhaps, its time zone.
func lintLine(text string, line int, timezone string, name crontopus.JobName) []crontopus.Problem {
	job := &crontopus.Job{
		Metadata: crontopus.Metadata{Namespace: name.Namespace, Name: name.Name},
		Spec:     crontopus.JobSpec{Schedule: crontopus.Schedules{text}, Timezone: timezone},
	}
	words := strings.Fields(text)
	fields := 5
	if strings.HasPrefix(text, "@") {
		fields = 1
	}
	if len(words) == fields+1 && looksLikeZone(words[fields]) {
		job.Spec.Schedule[0], job.Spec.Timezone = strings.Join(words[:fields], " "), words[fields]
	}
	if _, err := schedule.Of(job); err != nil {
		return []crontopus.Problem{{
			File: "-", Line: line, Column: 1, Code: crontopus.ErrorCode(err), Severity: crontopus.SeverityError,
			Message: err.Error(), Hint: crontopus.ErrorHint(err),
		}}
	}
	return lint.Schedule("-", line, job)
}

// looksLikeZone tells a zone from a sixth field, such as the year of other crons.
func looksLikeZone(word string) bool {
	return len(word) > 2 && !strings.ContainsAny(word[:1], "0123456789*?") && !strings.ContainsAny(word, ",#")
}
