package file

// Handle is what a Follower reads from.
type Handle = handle

// OpenWith makes a Follower open files by another function.
func OpenWith(f *Follower, open func(path string) (Handle, error)) { f.openFile = open }

// Opened is os.Open as such a function.
func Opened(path string) (Handle, error) { return openFile(path) }
