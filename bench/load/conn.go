package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
)

// conn is a keep-alive connection that speaks just enough HTTP/1.1.
type conn struct {
	net.Conn
	in *bufio.Reader
}

// dial connects. An answer's header fits in the buffer; bodies are not kept.
func dial(addr string) (*conn, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &conn{c, bufio.NewReaderSize(c, 2<<10)}, nil
}

// exchange sends a request and reads its answer to the end.
func (c *conn) exchange(request []byte) (status int, etag string, err error) {
	if _, err := c.Write(request); err != nil {
		return 0, "", err
	}
	return c.answer()
}

// answer reads one, and returns its status and its tag.
func (c *conn) answer() (status int, etag string, err error) {
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return 0, "", err
	}
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return 0, "", fmt.Errorf("%q is no answer", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, "", err
	}
	length := 0
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return 0, "", err
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil {
				return 0, "", err
			}
		case bytes.EqualFold(name, []byte("Etag")):
			etag = string(value)
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			return 0, "", fmt.Errorf("an answer of unknown length")
		}
	}
	if status < http.StatusBadRequest {
		_, err = c.in.Discard(length)
		return status, etag, err
	}
	problem := make([]byte, length)
	if _, err := io.ReadFull(c.in, problem); err != nil {
		return 0, "", err
	}
	return status, "", fmt.Errorf("%d: %s", status, problem)
}
