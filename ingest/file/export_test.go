package file

// Handle is what a Follower reads from.
type Handle = handle

// OpenWith makes a Follower open files by another function.
func OpenWith(f *Follower, open func(root, path string) (Handle, error)) { f.openFile = open }

// OpenBelow is how a Follower opens files otherwise.
func OpenBelow(root, path string) (Handle, error) { return openBelow(root, path) }
