package listen

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
)

// Open listens to a TCP address, or to a Unix socket with these permissions in the place of one that a
// process left behind. limits have been prepared. Without TLS the configuration is nil.
func Open(network, address string, mode fs.FileMode, t *TLS, limits Limits, logger *slog.Logger, log *Log) (*Guard, *tls.Config, error) {
	var cfg *tls.Config
	if t != nil {
		var err error
		if cfg, err = TLSConfig(*t, logger); err != nil {
			return nil, nil, err
		}
	}
	if network == "unix" {
		if err := ReplaceSocket(network, address); err != nil {
			return nil, nil, err
		}
	}
	l, err := net.Listen(network, address)
	if err != nil {
		return nil, nil, err
	}
	if network == "unix" {
		if err := os.Chmod(address, mode); err != nil {
			l.Close()
			return nil, nil, err
		}
	}
	return NewGuard(l, limits, log), cfg, nil
}

// ReplaceSocket removes the socket file of a process that has ended.
func ReplaceSocket(network, path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode()&fs.ModeSocket == 0:
		return fmt.Errorf("%s is there and not a socket", path)
	}
	if c, err := net.Dial(network, path); err == nil {
		c.Close()
		return fmt.Errorf("%s is served by another process", path)
	}
	return os.Remove(path)
}
