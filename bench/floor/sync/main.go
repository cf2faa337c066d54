// Command sync is the floor of a first sync: it fetches a branch with go-git, parses and
// validates every manifest on all cores, signs a bundle for each host and commits all of it in
// one SQLite transaction. There is no child process, no look at what is wrong, no removal guard
// and no seal. It writes how long each part took as JSON.
package main

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
	_ "modernc.org/sqlite"
)

func main() {
	url, branch := flag.String("url", "", "repository"), flag.String("branch", "main", "branch")
	schema, dir := flag.String("schema", "", "JSON Schema of a manifest"), flag.String("dir", "", "scratch folder")
	flag.Parse()
	took, err := run(*url, *branch, *schema, *dir)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(took)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// job is a manifest as it is stored and signed.
type job struct {
	path string
	data []byte
	body []byte
	host string
}

func run(url, branch, schemaFile, dir string) (map[string]float64, error) {
	schema, err := jsonschema.NewCompiler().Compile(schemaFile)
	if err != nil {
		return nil, err
	}
	took, last := map[string]float64{}, time.Now()
	lap := func(name string) {
		now := time.Now()
		took[name] = float64(now.Sub(last).Microseconds()) / 1000
		took["all"] += took[name]
		last = now
	}
	repo, err := git.PlainClone(dir+"/clone", true, &git.CloneOptions{URL: url, Depth: 1, SingleBranch: true, Tags: git.NoTags,
		ReferenceName: plumbing.NewBranchReferenceName(branch)})
	if err != nil {
		return nil, err
	}
	lap("fetch")
	jobs, err := read(repo)
	if err != nil {
		return nil, err
	}
	lap("read")
	if err := decode(jobs, schema); err != nil {
		return nil, err
	}
	lap("decode")
	bundles, err := sign(jobs)
	if err != nil {
		return nil, err
	}
	lap("sign")
	err = store(dir+"/floor.db", jobs, bundles)
	lap("store")
	return took, err
}

func read(repo *git.Repository) (jobs []job, err error) {
	head, err := repo.Head()
	if err != nil {
		return nil, err
	}
	commit, err := repo.CommitObject(head.Hash())
	if err != nil {
		return nil, err
	}
	tree, err := commit.Tree()
	if err != nil {
		return nil, err
	}
	return jobs, tree.Files().ForEach(func(f *object.File) error {
		r, err := f.Reader()
		if err != nil {
			return err
		}
		defer r.Close()
		data, err := io.ReadAll(r)
		jobs = append(jobs, job{path: f.Name, data: data})
		return err
	})
}

func decode(jobs []job, schema *jsonschema.Schema) error {
	errs := make([]error, len(jobs))
	var workers sync.WaitGroup
	n := runtime.GOMAXPROCS(0)
	for w := range n {
		workers.Go(func() {
			for i := w; i < len(jobs); i += n {
				errs[i] = jobs[i].decode(schema)
			}
		})
	}
	workers.Wait()
	for i, err := range errs {
		if err != nil {
			return fmt.Errorf("%s: %w", jobs[i].path, err)
		}
	}
	return nil
}

func (j *job) decode(schema *jsonschema.Schema) error {
	var value map[string]any
	if err := yaml.Unmarshal(j.data, &value); err != nil {
		return err
	}
	if err := schema.Validate(value); err != nil {
		return err
	}
	var typed struct {
		Spec struct {
			Target struct{ Labels map[string]string }
		}
	}
	var err error
	if j.body, err = json.Marshal(value); err == nil {
		err = json.Unmarshal(j.body, &typed)
	}
	j.host = typed.Spec.Target.Labels["host"]
	return err
}

// sign makes an envelope for each host.
func sign(jobs []job) (map[string][]byte, error) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	byHost, bundles := map[string][]json.RawMessage{}, map[string][]byte{}
	for _, j := range jobs {
		byHost[j.host] = append(byHost[j.host], j.body)
	}
	for host, list := range byHost {
		payload, err := json.Marshal(map[string]any{"agent": host, "jobs": list})
		if err != nil {
			return nil, err
		}
		bundles[host], err = json.Marshal(map[string]string{"payload": base64.StdEncoding.EncodeToString(payload),
			"sig": base64.StdEncoding.EncodeToString(ed25519.Sign(key, payload))})
		if err != nil {
			return nil, err
		}
	}
	return bundles, nil
}

func store(file string, jobs []job, bundles map[string][]byte) error {
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_txlock=immediate")
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.ExecContext(context.Background(), `CREATE TABLE jobs (name TEXT PRIMARY KEY, digest TEXT, body TEXT);
		CREATE TABLE bundles (host TEXT PRIMARY KEY, envelope BLOB); CREATE TABLE held (host TEXT, job TEXT, PRIMARY KEY (host, job))`); err != nil {
		return err
	}
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it says only that it came second
	for _, j := range jobs {
		if _, err := tx.Exec("INSERT INTO jobs VALUES (?, ?, ?)", j.path, fmt.Sprintf("%x", sha256.Sum256(j.body)), j.body); err != nil {
			return err
		}
		if _, err := tx.Exec("INSERT INTO held VALUES (?, ?)", j.host, j.path); err != nil {
			return err
		}
	}
	for host, envelope := range bundles {
		if _, err := tx.Exec("INSERT INTO bundles VALUES (?, ?)", host, envelope); err != nil {
			return err
		}
	}
	return tx.Commit()
}
