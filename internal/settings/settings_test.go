package settings_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/settings"
)

type values struct {
	listen   string
	networks []string
	files    bool
}

func apply(t *testing.T, file string, environ, args []string) (values, error) {
	t.Helper()
	var v values
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	flags.StringVar(&v.listen, "listen", "default", "")
	flags.StringSliceVar(&v.networks, "allow-network", nil, "")
	flags.BoolVar(&v.files, "allow-file-sources", false, "")
	require.NoError(t, flags.Parse(args))
	path := ""
	if file != "" {
		path = filepath.Join(t.TempDir(), "settings.yaml")
		require.NoError(t, os.WriteFile(path, []byte(file), 0o600))
	}
	return v, settings.Apply(flags, path, "CRONTOPUS", environ)
}

func TestEachOriginOverTheOneBefore(t *testing.T) {
	file := "listen: file\nallowNetwork: [10.0.0.0/8, 192.168.0.0/16]\nallowFileSources: true\n"
	for name, c := range map[string]struct {
		file          string
		environ, args []string
		want          string
	}{
		"nothing said":                {want: "default"},
		"the file":                    {file: file, want: "file"},
		"environment over file":       {file: file, environ: []string{"CRONTOPUS_LISTEN=env"}, want: "env"},
		"flag over both":              {file: file, environ: []string{"CRONTOPUS_LISTEN=env"}, args: []string{"--listen=flag"}, want: "flag"},
		"an empty variable":           {file: file, environ: []string{"CRONTOPUS_LISTEN="}, want: "file"},
		"another program's variables": {environ: []string{"LISTEN=x", "CRONTOPUS_AGENT_LISTEN=x", "CRONTOPUSLISTEN=x"}, want: "default"},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := apply(t, c.file, c.environ, c.args)
			require.NoError(t, err)
			require.Equal(t, c.want, v.listen)
			if c.file != "" {
				require.Equal(t, []string{"10.0.0.0/8", "192.168.0.0/16"}, v.networks)
				require.True(t, v.files)
			}
		})
	}
}

func TestAListFromTheEnvironment(t *testing.T) {
	v, err := apply(t, "allowNetwork: [10.0.0.0/8]", []string{"CRONTOPUS_ALLOW_NETWORK=127.0.0.0/8,::1/128"}, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"127.0.0.0/8", "::1/128"}, v.networks)
}

func TestRefusals(t *testing.T) {
	_, err := apply(t, "lisen: x", nil, nil)
	require.ErrorContains(t, err, `no setting is called "lisen"`)
	require.Equal(t, "the settings are allowFileSources, allowNetwork, listen", crontopus.ErrorHint(err))

	_, err = apply(t, "- a list", nil, nil)
	require.ErrorContains(t, err, "not a YAML map of settings")

	_, err = apply(t, "", []string{"CRONTOPUS_ALLOW_FILE_SOURCES=maybe"}, nil)
	require.ErrorContains(t, err, "CRONTOPUS_ALLOW_FILE_SOURCES: ")

	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	require.ErrorContains(t, settings.Apply(flags, "/does/not/exist.yaml", "X", nil), "/does/not/exist.yaml")
}
