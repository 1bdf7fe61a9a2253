package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/penstock-dev/penstock/batch/postgres"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/parse"
)

// postgresSink is the options of the sink with the connection that it needs.
type postgresSink struct {
	// URL is postgres://user:password@host:port/database?sslmode=verify-full, or what else
	// libpq takes. It may hold a password: as {env: NAME} or {file: PATH} it does not stand
	// in the configuration. An empty one means the variables of the environment (PGHOST …).
	URL string
	postgres.Options
}

// postgresConn is one connection, made anew when it is broken.
type postgresConn struct {
	config *pgconn.Config
	mu     sync.Mutex
	conn   *pgconn.PgConn
}

// copy runs a COPY. The caller tries again.
func (c *postgresConn) copy(ctx context.Context, r io.Reader, sql string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == nil || c.conn.IsClosed() {
		conn, err := pgconn.ConnectConfig(ctx, c.config)
		if err != nil {
			var refused *pgconn.PgError
			if errors.As(err, &refused) { // pgx puts the whole configuration into its text
				return errcat.Newf(errcat.TransientNetwork, errcat.StageDeliver, "the server refuses the connection: %s (%s)", refused.Message, refused.Code)
			}
			return errcat.New(errcat.TransientNetwork, errcat.StageDeliver, fmt.Sprintf("no connection to %s:%d", c.config.Host, c.config.Port))
		}
		c.conn = conn
	}
	_, err := c.conn.CopyFrom(ctx, r, sql)
	return err
}

func (c *postgresConn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return c.conn.Close(ctx)
}

// openPostgres makes the sink; it connects when there is something to write.
func openPostgres(o postgresSink) (recordSink, io.Closer, error) {
	config, err := pgconn.ParseConfig(o.URL)
	if err != nil {
		return nil, nil, errors.New("url is not one of PostgreSQL") // the error of pgx may show its password
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 10 * time.Second
	}
	c := &postgresConn{config: config}
	o.Copy = c.copy
	s, err := postgres.New[parse.Record](o.Options)
	if err != nil {
		return nil, nil, err
	}
	return s, c, nil
}
