package syncer

import (
	"context"
	"crypto/sha256"
	"path"
	"runtime"
	"sync"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests"
)

// scopeHash tells the Defaults of folders apart, by where they stand and in which blobs.
type scopeHash [sha256.Size]byte

// reading finds what each file of a revision says, in the cache or from its blob.
type reading struct {
	*Syncer

	child *fetchChild
	root  string // of files, in the repository
	files []listedFile
	said  []decoded         // by file
	spent budget            // for what was said
	fresh map[blobHash]bool // those that were not in the cache
}

// settle reads all files, each with the Defaults of its folder, and returns what is wrong
// between those.
func (r *reading) settle(ctx context.Context) ([]crontopus.Problem, error) {
	names := make([]string, len(r.files))
	for i, file := range r.files {
		names[i] = file.Path
	}
	blobs := sync.OnceValue(r.blobs)
	return manifests.Settle(names, nil, func(which []int, scopes []*manifests.Scope) ([][]*manifests.Defaults, error) {
		hashes := map[*manifests.Scope]scopeHash{}
		keys := make([]cacheKey, len(which))
		for k, i := range which {
			hash, known := hashes[scopes[k]]
			if !known {
				hash = hashOf(scopes[k], blobs)
				hashes[scopes[k]] = hash
			}
			keys[k] = cacheKey{r.files[i].Hash, hash}
		}
		if err := r.decode(ctx, which, keys, scopes); err != nil {
			return nil, err
		}
		found := make([][]*manifests.Defaults, len(which))
		for k, i := range which {
			found[k] = r.said[i].at(path.Join(r.root, r.files[i].Path)).defaults
		}
		return found, nil
	})
}

// blobs finds a file's blob by its name. Only Defaults are looked for: most repositories have few.
func (r *reading) blobs() map[string]blobHash {
	blobs := make(map[string]blobHash, len(r.files))
	for _, file := range r.files {
		blobs[path.Join(r.root, file.Path)] = file.Hash
	}
	return blobs
}

func hashOf(scope *manifests.Scope, blobs func() map[string]blobHash) (hash scopeHash) {
	files := scope.Files()
	if len(files) == 0 {
		return hash
	}
	var text []byte
	for _, file := range files {
		blob := blobs()[file]
		text = append(append(append(text, file...), 0), blob[:]...)
	}
	return sha256.Sum256(text)
}

// decode finds what some of the files say, in the cache or, with all cores, from their blobs.
func (r *reading) decode(ctx context.Context, which []int, keys []cacheKey, scopes []*manifests.Scope) error {
	missing := map[cacheKey][]int{} // the files that have it
	under := map[blobHash][]cacheKey{}
	scopeOf := map[scopeHash]*manifests.Scope{}
	var want []blobHash
	for k, i := range which {
		if d, known := r.cache.get(keys[k]); known {
			if err := r.keep(d, i); err != nil {
				return err
			}
			continue
		}
		if missing[keys[k]] == nil {
			if under[keys[k].blob] == nil {
				want = append(want, keys[k].blob)
			}
			under[keys[k].blob], scopeOf[keys[k].scope] = append(under[keys[k].blob], keys[k]), scopes[k]
			r.fresh[keys[k].blob] = true
		}
		missing[keys[k]] = append(missing[keys[k]], i)
	}
	type blob struct {
		hash blobHash
		data []byte
		size uint64
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	queue := make(chan blob, 64)
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(want)) {
		workers.Go(func() {
			for b := range queue {
				for _, key := range under[b.hash] {
					if ctx.Err() != nil {
						break
					}
					places := missing[key]
					d := decodeBlob(b.data, b.size, scopeOf[key.scope]).at(path.Join(r.root, r.files[places[0]].Path))
					r.cache.add(key, len(b.data), d)
					if err := r.keep(d, places...); err != nil {
						stop(err)
					}
				}
			}
		})
	}
	err := r.child.blobs(want, func(hash blobHash, data []byte, size uint64) error {
		select {
		case queue <- blob{hash, data, size}:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
	close(queue)
	workers.Wait()
	if err == nil {
		err = context.Cause(ctx)
	}
	return err
}

// keep notes what files say, which are nobody else's at the moment, as long as all of it
// together is not too much.
func (r *reading) keep(d decoded, places ...int) error {
	err := r.spent.replace(len(places), r.said[places[0]].cost, d.cost)
	for _, i := range places {
		r.said[i] = d
	}
	return err
}
