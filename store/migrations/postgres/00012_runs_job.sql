-- +goose Up

-- What SQLite changes here is nothing that pings cost PostgreSQL.
SELECT 1;
