package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/cli/findings"
	"crontopus.dev/crontopus/internal/suggest"
	"crontopus.dev/crontopus/manifests/importer"
	"crontopus.dev/crontopus/schedule"
)

// importFlags are what import is asked for.
type importFlags struct {
	format    string
	output    string
	force     bool
	namespace string
	timezone  string
	owner     string

	targetLabels []string
	targetAgents []string
	targetAll    bool

	commentedOut bool
	ignoreCronTZ bool
}

func newImportCommand() *cobra.Command {
	var f importFlags
	cmd := &cobra.Command{
		Use:   "import --from FORMAT [FILE…]",
		Short: "Make manifests of crontabs, timers and other schedulers' jobs",
		Long: `Makes a manifest of each job in the files, or, without any, of the jobs that this host's
own scheduler holds; "-" is standard input. With --output each manifest becomes a file of a
folder, ready for a commit; otherwise they are printed.

Every line of the original is in a manifest, or is told with its number. The next 500 runs
of each job are compared with those of its original, which is read a second time for that,
and all runs around the clock changes of two years; a job whose runs are not the same
instants is not kept.

Exit code: 0 all jobs are kept, 1 something could not be kept, 2 it could not be done.`,
		Example: `  crontopus import --from cron.d /etc/crontab /etc/cron.d/* --target-label role=web --output jobs
  crontopus import --from crontab --target-agent db-01
  crontab -l | crontopus import --from crontab - --user backup --target-agent db-01
  crontopus import --from systemd /etc/systemd/system --target-all -o json`,
	}
	flags := cmd.Flags()
	flags.StringVar(&f.format, "from", "", "what the files are: "+strings.Join(importer.Formats(), ", "))
	flags.StringVar(&f.output, "output", "", "write the manifests into this `folder`; - is standard output")
	flags.BoolVar(&f.force, "force", false, "write over files that are there and differ")
	flags.StringArrayVar(&f.targetLabels, "target-label", nil, "the jobs are for agents with this label, as `KEY=VALUE`; repeat it for more, which must all match")
	flags.StringArrayVar(&f.targetAgents, "target-agent", nil, "the jobs are for the agent of this `name`; repeat it for more")
	flags.BoolVar(&f.targetAll, "target-all", false, "the jobs are for every agent")
	flags.StringVar(&f.namespace, "namespace", "", "namespace of the jobs (default what the original names, or default)")
	flags.StringVar(&f.timezone, "timezone", "", "time zone of jobs whose original names none (default host, each host's own; UTC for Kubernetes)")
	flags.StringVar(&f.owner, "user", "", "whose crontab it is, where the lines name no user")
	flags.BoolVar(&f.commentedOut, "commented-out", false, "keep jobs that are commented out, suspended")
	flags.BoolVar(&f.ignoreCronTZ, "ignore-cron-tz", false, "read CRON_TZ as Debian's cron does, which passes it over")
	format := &formatFlag{value: formatText, allowed: []string{formatText, formatJSON}}
	flags.VarP(format, "format", "o", "form of what is told: text, json")
	_ = cmd.RegisterFlagCompletionFunc("from", cobra.FixedCompletions(importer.Formats(), cobra.ShellCompDirectiveNoFileComp)) // fails only for a flag that does not exist
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		start := time.Now()
		if f.owner == "" && cmd.Flags().Changed("user") { // as --user "$USER" has it where no shell has logged in
			return crontopus.Errorf(crontopus.CodeInvalid, "--user is empty, and such jobs would run as the agent's user").
				WithHint("name whose crontab it is, such as --user \"$(id -un)\", or leave --user out")
		}
		options, err := f.options(start)
		if err != nil {
			return err
		}
		inputs, err := f.inputs(cmd, args)
		if err != nil {
			return err
		}
		result, err := importer.Import(f.format, inputs, options)
		if err != nil {
			return err
		}
		return f.deliver(cmd, inputs, result, format.value, time.Since(start))
	}
	return cmd
}

// options are what the flags say of the jobs.
func (f *importFlags) options(now time.Time) (o importer.Options, err error) {
	o = importer.Options{
		Namespace: f.namespace, Timezone: f.timezone, Now: now,
		CommentedOut: f.commentedOut, IgnoreCronTZ: f.ignoreCronTZ,
	}
	if f.format == "" {
		return o, crontopus.Errorf(crontopus.CodeInvalid, "--from is missing").WithHint("write --from and one of %s", strings.Join(importer.Formats(), ", "))
	}
	if !slices.Contains(importer.Formats(), f.format) {
		err := crontopus.Errorf(crontopus.CodeInvalid, "there is no format %q to import from", f.format)
		if near := suggest.Nearest(f.format, importer.Formats()); near != "" {
			return o, err.WithHint("did you mean %s? There are %s", near, strings.Join(importer.Formats(), ", "))
		}
		return o, err.WithHint("write one of %s", strings.Join(importer.Formats(), ", "))
	}
	if info, err := os.Stat(f.output); err == nil && !info.IsDir() {
		return o, crontopus.Errorf(crontopus.CodeInvalid, "--output %s is a file", f.output).
			WithHint("name a folder: each manifest becomes a file of it; without --output they are printed")
	}
	switch f.output {
	case formatText, formatJSON, formatYAML:
		return o, crontopus.Errorf(crontopus.CodeInvalid, "--output is the folder that the manifests are written into").
			WithHint("write -o %s for the form; for a folder of that name, --output ./%s", f.output, f.output)
	}
	if o.Namespace != "" && !crontopus.ValidName(o.Namespace) {
		return o, crontopus.Errorf(crontopus.CodeInvalid, "--namespace %q is not a name", f.namespace).WithHint("write lowercase letters, digits and dashes")
	}
	if o.Timezone == "" {
		o.Timezone = importer.DefaultTimezone(f.format)
	} else if o.Timezone != crontopus.TimezoneHost {
		if _, err := schedule.Location(o.Timezone); err != nil {
			return o, err
		}
	}
	o.Target, err = f.target()
	return o, err
}

// target is the one that all jobs get: nobody guesses where jobs should run.
func (f *importFlags) target() (t crontopus.Target, err error) {
	said := 0
	for _, way := range []bool{len(f.targetLabels) > 0, len(f.targetAgents) > 0, f.targetAll} {
		if way {
			said++
		}
	}
	if said != 1 {
		message := "nothing says on which hosts the jobs are to run"
		if said > 1 {
			message = "the target is said in more than one way"
		}
		name, err := os.Hostname()
		if name, _, _ = strings.Cut(strings.ToLower(name), "."); err != nil || !crontopus.ValidName(name) {
			name = "db-01"
		}
		return t, crontopus.Errorf(crontopus.CodeInvalid, "%s", message).
			WithHint("write --target-label KEY=VALUE, --target-agent NAME (such as %s) or --target-all", name)
	}
	t = crontopus.Target{Agents: f.targetAgents, All: f.targetAll}
	if len(f.targetLabels) > 0 {
		t.Labels, err = parseLabels("target-label", f.targetLabels)
	}
	return t, err
}

// inputs reads what the arguments name, or what this host holds.
func (f *importFlags) inputs(cmd *cobra.Command, args []string) ([]importer.Input, error) {
	if len(args) == 0 {
		return hostInputs(cmd.Context(), f.format, f.owner)
	}
	var inputs []importer.Input
	for _, arg := range args {
		if arg == "-" {
			data, err := readBounded(cmd.InOrStdin())
			if err != nil {
				return nil, cannotRead(arg, err)
			}
			inputs = append(inputs, importer.Input{Name: arg, Data: data, Owner: f.owner})
			continue
		}
		found, err := f.file(arg)
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, found...)
	}
	return inputs, nil
}

// file reads a file, or the files of a folder; folders in it are not looked into.
func (f *importFlags) file(name string) ([]importer.Input, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, cannotRead(name, err)
	}
	if info.IsDir() {
		return folderInputs(os.DirFS(name), name, f.format)
	}
	file, err := openNamed(name)
	if err != nil {
		return nil, cannotRead(name, err)
	}
	defer file.Close()
	data, err := readBounded(file)
	if err != nil {
		return nil, cannotRead(name, err)
	}
	in := importer.Input{Name: name, Data: data, Owner: f.owner}
	if abs, err := filepath.Abs(name); err == nil {
		in = placed(in, abs)
	}
	return []importer.Input{in}, nil
}

// readBounded reads no more than an import looks at.
func readBounded(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, importer.MaxBytes+1))
	if err == nil && len(data) > importer.MaxBytes {
		err = errors.New("it has more than 8 MiB")
	}
	return data, err
}

// deliver hands over the manifests and what is to be said of them.
func (f *importFlags) deliver(cmd *cobra.Command, inputs []importer.Input, result *importer.Result, format string, took time.Duration) error {
	out := cmd.OutOrStdout()
	written := 0
	if f.output != "" && f.output != "-" {
		var err error
		if written, err = writeManifests(f.output, result.Jobs, f.force); err != nil {
			return err
		}
	} else if format == formatText {
		for i, job := range result.Jobs {
			if i > 0 {
				fmt.Fprintln(out, "---")
			}
			fmt.Fprint(out, job.Manifest)
		}
	}
	problems := findings.Report{Problems: result.Problems, Lines: linesOf(inputs), Color: styleOf(cmd.ErrOrStderr()).color}
	if format == formatJSON {
		if err := newPrinter(cmd, &formatFlag{value: formatJSON}).print(result, nil); err != nil {
			return err
		}
	} else if err := problems.Write(cmd.ErrOrStderr(), findings.Text); err != nil {
		return err
	}
	cmd.PrintErr(summary(inputs, result, f.output, written, took))
	if result.Lost() > 0 {
		return errProblems
	}
	return nil
}

// linesOf returns the lines of an input as it was read.
func linesOf(inputs []importer.Input) func(string) []string {
	return func(name string) []string {
		for _, in := range inputs {
			if in.Name == name {
				return importer.Lines(in.Data)
			}
		}
		return nil
	}
}

// writeManifests writes each manifest to a file of its own. What is there and differs is not
// touched without force; then nothing is written at all. Not atomicfile: it is a working tree of
// Git's, and a command that was killed is given again, with force.
func writeManifests(folder string, jobs []importer.Job, force bool) (written int, err error) {
	if len(jobs) == 0 {
		return 0, nil
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return 0, cannotWrite(folder, err)
	}
	root, err := os.OpenRoot(folder) // a link in the folder leads nowhere else
	if err != nil {
		return 0, cannotWrite(folder, err)
	}
	defer root.Close()
	files := map[string]string{}
	var names, differ []string
	for _, job := range jobs {
		name := fileOf(job.Name)
		switch there, err := readRegular(root, name); {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return 0, cannotRead(filepath.Join(folder, name), err)
		case there == job.Manifest:
			continue
		case !force:
			differ = append(differ, filepath.Join(folder, name))
		}
		files[name] = job.Manifest
		names = append(names, name)
	}
	if len(differ) > 0 {
		return 0, crontopus.Errorf(crontopus.CodeConflict, "%s, first of them %s, would be written over; nothing is written", plural(len(differ), "file"), differ[0]).
			WithHint("choose another --output, or write over them with --force; git diff then shows what changed")
	}
	for _, name := range names {
		err := root.MkdirAll(filepath.Dir(name), 0o755)
		if err == nil {
			err = root.WriteFile(name, []byte(files[name]), 0o644)
		}
		if err != nil {
			return written, cannotWrite(filepath.Join(folder, name), err)
		}
		written++
	}
	return written, nil
}

// readRegular reads what lies where a manifest is to be written.
func readRegular(root *os.Root, name string) (string, error) {
	info, err := root.Stat(name)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", errors.New("it is no regular file")
	}
	data, err := root.ReadFile(name)
	return string(data), err
}

// fileOf is where a job's manifest lies in the folder: beside the others of its namespace.
func fileOf(name crontopus.JobName) string {
	if name.Namespace == crontopus.DefaultNamespace {
		return name.Name + ".yaml"
	}
	return filepath.Join(name.Namespace, name.Name+".yaml")
}
