// Package provisioning keeps the provisioning file in force: it reads the file
// at the start, follows its changes while the program runs, and keeps the last
// good settings while a change is broken.
//
// It knows files and nothing of what is in them: that is package mapping's
// business. Bob's list of fields comes in through a function.
package provisioning

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"bob-onelogin/internal/mapping"
)

const (
	// settle is how long a change has to stand still before it counts: a file
	// that is just being written is no change yet.
	settle = 500 * time.Millisecond
	// poll finds what no notification told of: network file systems, and
	// mounts of single files, do without.
	poll = 30 * time.Second
	// remind is how often a broken file is spoken of again until it is mended.
	remind = 5 * time.Minute
	// fieldsWithin bounds the reading of Bob's list of fields.
	fieldsWithin = 15 * time.Second
)

// Options are what a File works with.
type Options struct {
	Log *zap.Logger
	// Fields reads Bob's list of fields, which the file is held against; nil
	// where it is not to be. Its failure never keeps a file from coming into
	// force.
	Fields func(context.Context) ([]mapping.Field, error)
}

// File is the provisioning file and the settings that are in force. Settings
// and Broken may be called from several goroutines at once.
type File struct {
	path   string
	log    *zap.Logger
	fields func(context.Context) ([]mapping.Field, error)

	settings atomic.Pointer[mapping.Settings]
	broken   atomic.Pointer[error]

	// What follows belongs to Open and Watch.

	// known is Bob's list of fields, nil as long as it could not be read.
	known []mapping.Field
	// unread: the last attempt to read it failed, and that was said.
	unread bool
	// accepted is the content in force; seen is what was looked at last, and
	// pending what may still be being written.
	accepted      []byte
	seen, pending [sha256.Size]byte
	remindAt      time.Time

	settle, poll, remind time.Duration
}

// Open reads the file and refuses a broken one. Without a path the settings are
// those of Bob's own behaviour, and there is nothing to follow.
func Open(ctx context.Context, path string, o Options) (*File, error) {
	f := &File{path: path, log: o.Log, fields: o.Fields, settle: settle, poll: poll, remind: remind}
	if path == "" {
		settings := mapping.Default()
		f.settings.Store(&settings)
		return f, nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("PROVISIONING_FILE: %w", err)
	}
	f.readFields(ctx)
	settings, err := mapping.ParseKnowing(content, f.known)
	if err != nil {
		return nil, fmt.Errorf("PROVISIONING_FILE %s: %w", path, err)
	}
	f.settings.Store(&settings)
	f.accepted, f.seen = content, sha256.Sum256(content)
	return f, nil
}

// Settings returns the settings in force.
func (f *File) Settings() mapping.Settings { return *f.settings.Load() }

// Broken returns what is wrong with the file as it is now; nil where its
// settings are in force.
func (f *File) Broken() error {
	if err := f.broken.Load(); err != nil {
		return *err
	}
	return nil
}

// Watch follows the file until ctx ends.
func (f *File) Watch(ctx context.Context) {
	if f.path == "" {
		<-ctx.Done()
		return
	}
	w := watch(f.path, f.log)
	defer w.close()
	tick := time.NewTicker(f.poll)
	defer tick.Stop()
	var settled <-chan time.Time
	// Further events do not put the look off: a folder may be busy for other
	// reasons.
	soon := func() {
		if settled == nil {
			settled = time.After(f.settle)
		}
	}
	soon() // the file may have changed since it was opened
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.events():
			soon()
			continue
		case <-w.errors():
			soon()
			continue
		case <-settled:
			settled = nil
		case <-tick.C:
			f.completeFields(ctx)
			f.remindOfBroken()
		}
		w.follow(f.path)
		if f.look(ctx) {
			soon()
		}
	}
}

// look reads the file and takes it into force if it has changed. It reports
// whether it has to be looked at once more, because it may still be being
// written.
func (f *File) look(ctx context.Context) (again bool) {
	content, err := os.ReadFile(f.path)
	if err != nil {
		f.pending = [sha256.Size]byte{}
		if f.Broken() == nil {
			f.seen = [sha256.Size]byte{} // whatever comes back is looked at
			f.refuse(fmt.Errorf("the file cannot be read: %w", err))
		}
		return false
	}
	switch sum := sha256.Sum256(content); sum {
	case f.seen:
		f.pending = [sha256.Size]byte{}
		return false
	case f.pending:
		f.seen, f.pending = sum, [sha256.Size]byte{}
	default:
		f.pending = sum
		return true
	}
	// The fields may be as new as the file that names them.
	f.readFields(ctx)
	f.take(content)
	return false
}

// take puts a content into force, or refuses it.
func (f *File) take(content []byte) {
	if blank(content) && !blank(f.accepted) {
		f.refuse(errors.New("the file is empty now, as it is when a write went wrong; if the defaults are meant, write {} into it"))
		return
	}
	settings, err := mapping.ParseKnowing(content, f.known)
	if err != nil {
		f.refuse(err)
		return
	}
	before := f.Settings().Version
	f.settings.Store(&settings)
	f.broken.Store(nil)
	f.accepted = content
	f.log.Info("The provisioning file is in force", zap.String("file", f.path), zap.String("settings", settings.Version), zap.String("before", before))
}

func blank(content []byte) bool { return len(bytes.TrimSpace(content)) == 0 }

// refuse keeps the settings in force and says so.
func (f *File) refuse(err error) {
	f.broken.Store(&err)
	f.sayBroken()
}

func (f *File) sayBroken() {
	f.remindAt = time.Now().Add(f.remind)
	f.log.Error("The provisioning file is broken: the settings before it stay in force until it is mended",
		zap.String("file", f.path), zap.String("settings", f.Settings().Version), zap.String("report", f.Broken().Error()))
}

// remindOfBroken says again what is wrong, so that it is not lost in the log.
func (f *File) remindOfBroken() {
	if f.Broken() != nil && !time.Now().Before(f.remindAt) {
		f.sayBroken()
	}
}

// readFields reads Bob's list of fields. Where that fails, the list as it was
// read last goes on being used.
func (f *File) readFields(ctx context.Context) {
	if f.fields == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, fieldsWithin)
	defer cancel()
	fields, err := f.fields(ctx)
	if err != nil {
		if !f.unread {
			f.log.Warn("Bob's list of fields could not be read: the fields that the provisioning file names are held against it when it can be", zap.Error(err))
		}
		f.unread = true
		return
	}
	f.known, f.unread = fields, false
}

// completeFields holds the file in force against Bob's list of fields where
// that could not be read before.
func (f *File) completeFields(ctx context.Context) {
	if f.known != nil || f.fields == nil {
		return
	}
	if f.readFields(ctx); f.known != nil && f.Broken() == nil {
		f.take(f.accepted)
	}
}

// watchedFolders lists the folders in which a change of the file shows: its
// own, and those of whatever the links lead to on the way.
func watchedFolders(path string) []string {
	var folders []string
	for range 16 { // links may lead in a circle
		folder := filepath.Dir(path)
		folders = append(folders, folder)
		target, err := os.Readlink(path)
		if err != nil {
			return folders
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(folder, target)
		}
		path = target
	}
	return folders
}
