package provisioning

import (
	"slices"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/zap"
)

// watcher tells that something has changed near a file. Folders are watched and
// not the file: an editor puts a new file in the place of the old one, and a
// mounted configuration swaps a link beside it.
type watcher struct {
	notify *fsnotify.Watcher // nil where the system gives none
}

func watch(path string, log *zap.Logger) *watcher {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		log.Warn("Changes of the provisioning file are found by looking now and then: the system gives no notifications", zap.Error(err))
		return &watcher{}
	}
	w := &watcher{notify: notify}
	w.follow(path)
	return w
}

// follow watches the folders that matter now: where a link was swapped, others
// than before.
func (w *watcher) follow(path string) {
	if w.notify == nil {
		return
	}
	folders := watchedFolders(path)
	for _, old := range w.notify.WatchList() {
		if !slices.Contains(folders, old) {
			_ = w.notify.Remove(old) // it may be gone by itself
		}
	}
	for _, folder := range folders {
		// Anew each time: the same name may be another folder by now. One that
		// is not there is found by looking.
		_ = w.notify.Add(folder)
	}
}

// events tells that something has happened, which need not be a change.
func (w *watcher) events() <-chan fsnotify.Event {
	if w.notify == nil {
		return nil
	}
	return w.notify.Events
}

// errors tells that notifications may have been lost.
func (w *watcher) errors() <-chan error {
	if w.notify == nil {
		return nil
	}
	return w.notify.Errors
}

func (w *watcher) close() {
	if w.notify != nil {
		_ = w.notify.Close()
	}
}
