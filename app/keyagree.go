package app

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/envelope"
	"crontopus.dev/crontopus/internal/atomicfile"
)

// keyStore is where the servers of an installation show one another the statements of its
// key sets. It is trusted with nothing: what a folder knows must lead to what is there.
type keyStore interface {
	SystemKeyStatements(ctx context.Context) (string, error)
	SystemReplaceKeyStatements(ctx context.Context, was, next string) error
}

// agree brings the statements in this folder and those in the database to the newer of both,
// and reports whether the folder's are others now. A folder that has none takes those that
// the signing key vouches for, if it has that one.
func (r *keyring) agree(ctx context.Context, s keyStore, signer *crontopus.Key) (changed bool, err error) {
	for {
		text, err := s.SystemKeyStatements(ctx)
		if err != nil {
			return false, err
		}
		statements, newest, readable := parseStatements([]byte(text))
		switch order := newest.Version.Compare(r.set.Version); {
		case text != "" && readable == nil && order > 0:
			return true, r.adopt(statements, signer)
		case len(r.statements) == 0:
			return false, nil
		case text != "" && readable == nil && order == 0:
			if !r.signs(newest.Keys[0]) {
				return false, r.disagree(errors.New("both are of version " + newest.Version.String()))
			}
			return false, nil
		}
		err = s.SystemReplaceKeyStatements(ctx, text, string(r.text()))
		if crontopus.ErrorCode(err) != crontopus.CodeConflict {
			return false, err
		}
	}
}

// adopt takes statements over that other servers know, if those of this folder lead to them.
func (r *keyring) adopt(statements [][]byte, signer *crontopus.Key) error {
	var set crontopus.KeySet
	var err error
	switch {
	case len(r.statements) > 0:
		set, err = envelope.Advance(r.set, statements)
	case signer != nil:
		set, err = envelope.Pin(signer.ID, statements)
	default:
		return crontopus.Errorf(crontopus.CodeNotFound, "%s is missing, by which the keys in the database are known to be right", filepath.Join(r.dir, statementsFile)).
			WithHint("copy it from a server that runs on this database")
	}
	if err != nil {
		return r.disagree(err)
	}
	next := &keyring{dir: r.dir, signing: r.signing}
	for _, raw := range statements {
		one, err := envelope.ReadKeySet(raw)
		if err != nil {
			return err
		}
		next.append(one, raw)
	}
	next.set = set
	if err := atomicfile.Write(filepath.Join(r.dir, statementsFile), next.text(), 0o600); err != nil {
		return crontopus.Errorf(crontopus.CodeInvalid, "cannot write the key set: %w", err)
	}
	*r = *next
	return nil
}

func (r *keyring) disagree(why error) error {
	return crontopus.Errorf(crontopus.CodeConflict, "the key set in the database does not follow from the one in %s: %w", r.dir, why).
		WithHint("copy signing.pem, keyset.json, box.key and recovery.pub from keys/ of a server that runs on this database, or from where its keys are kept " +
			"(without the role syncer, only keyset.json and box.key); if somebody else wrote to the database, replace all keys with crontopus keys recover")
}

// text is how statements are written down.
func (r *keyring) text() []byte {
	list := make([]json.RawMessage, len(r.statements))
	for i, s := range r.statements {
		list[i] = s
	}
	data, _ := json.Marshal(list) // they were JSON when they were read or signed
	return append(data, '\n')
}

// parseStatements reads what text wrote. The statements are not verified.
func parseStatements(data []byte) (statements [][]byte, newest crontopus.KeySet, err error) {
	var list []json.RawMessage
	if len(data) > 0 {
		err = json.Unmarshal(data, &list)
	}
	for i := 0; i < len(list) && err == nil; i++ {
		newest, err = envelope.ReadKeySet(list[i])
		if err == nil && len(newest.Keys) == 0 {
			err = envelope.ErrMalformed
		}
		statements = append(statements, list[i])
	}
	return statements, newest, err
}
