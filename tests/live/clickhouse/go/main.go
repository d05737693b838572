// Asks ClickHouse through clickhouse-go, the driver of Grafana's ClickHouse plugin, opened as the plugin opens it:
// database/sql, a time limit in the context, LZ4 on the native protocol and gzip over HTTP.
//
// Standard input: {"protocol", "address", "database", "user", "password", "timeout_s", "queries": [sql, ...]}.
// Standard output: one line of JSON for each query, {"columns": [[name, type], ...], "rows": n} or {"error": text}.
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

type request struct {
	Protocol string   `json:"protocol"`
	Address  string   `json:"address"`
	Database string   `json:"database"`
	User     string   `json:"user"`
	Password string   `json:"password"`
	TimeoutS int      `json:"timeout_s"`
	Queries  []string `json:"queries"`
}

type answer struct {
	Columns [][2]string `json:"columns"`
	Rows    int         `json:"rows"`
	Error   string      `json:"error,omitempty"`
}

func main() {
	var asked request
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		fmt.Fprintln(os.Stderr, "standard input is no request:", err)
		os.Exit(2)
	}
	db := open(asked)
	defer db.Close()
	lines := json.NewEncoder(os.Stdout)
	for _, query := range asked.Queries {
		found, err := ask(db, query, time.Duration(asked.TimeoutS)*time.Second)
		if err != nil {
			found.Error = err.Error()
		}
		if err := lines.Encode(found); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func open(asked request) *sql.DB {
	protocol, compression := clickhouse.Native, clickhouse.CompressionLZ4
	if asked.Protocol == "http" {
		protocol, compression = clickhouse.HTTP, clickhouse.CompressionGZIP
	}
	return clickhouse.OpenDB(&clickhouse.Options{
		Protocol:    protocol,
		Addr:        []string{asked.Address},
		Auth:        clickhouse.Auth{Database: asked.Database, Username: asked.User, Password: asked.Password},
		Compression: &clickhouse.Compression{Method: compression},
		DialTimeout: 10 * time.Second,
		ReadTimeout: time.Duration(asked.TimeoutS) * time.Second,
	})
}

func ask(db *sql.DB, query string, limit time.Duration) (answer, error) {
	found := answer{Columns: [][2]string{}}
	within, done := context.WithTimeout(context.Background(), limit)
	defer done()
	rows, err := db.QueryContext(within, query)
	if err != nil {
		return found, err
	}
	defer rows.Close()
	kinds, err := rows.ColumnTypes()
	if err != nil {
		return found, err
	}
	values := make([]any, len(kinds))
	for at, kind := range kinds {
		found.Columns = append(found.Columns, [2]string{kind.Name(), kind.DatabaseTypeName()})
		values[at] = new(any)
	}
	for rows.Next() {
		if err := rows.Scan(values...); err != nil {
			return found, err
		}
		found.Rows++
	}
	return found, rows.Err()
}
