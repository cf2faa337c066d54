package gittest

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"net"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// SSHServer serves one repository by ssh, through git upload-pack, to whoever has Key.
type SSHServer struct {
	URL        string // of the repository, ssh://
	Address    string // host:port
	Key        string // the private key that is let in, in OpenSSH form
	KnownHosts string // the line of the server's own key

	host ssh.PublicKey
}

// LineFor is a known_hosts line that claims the server's key for another address.
func (s *SSHServer) LineFor(address string) string {
	return knownhosts.Line([]string{knownhosts.Normalize(address)}, s.host)
}

// ServeSSH starts a server of the repository that ends with the test.
func (r *Repo) ServeSSH(t testing.TB) *SSHServer {
	t.Helper()
	host, _ := newSigner(t)
	user, private := newSigner(t)
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if string(key.Marshal()) != string(user.PublicKey().Marshal()) {
			return nil, ssh.ErrNoAuth
		}
		return nil, nil
	}}
	config.AddHostKey(host)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go r.session(conn, config)
		}
	}()
	address := listener.Addr().String()
	s := &SSHServer{URL: "ssh://git@" + address + r.Dir, Address: address, Key: private, host: host.PublicKey()}
	s.KnownHosts = s.LineFor(address)
	return s
}

// NewSSHKey returns a private key in OpenSSH form that no server lets in.
func NewSSHKey(t testing.TB) string {
	t.Helper()
	_, private := newSigner(t)
	return private
}

func newSigner(t testing.TB) (signer ssh.Signer, private string) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	signer, err = ssh.NewSignerFromKey(key)
	require.NoError(t, err)
	block, err := ssh.MarshalPrivateKey(key, "")
	require.NoError(t, err)
	return signer, string(pem.EncodeToMemory(block))
}

// session serves one connection; whatever goes wrong ends it, as sshd would.
func (r *Repo) session(conn net.Conn, config *ssh.ServerConfig) {
	defer conn.Close()
	server, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	defer server.Close()
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		channel, requests, err := offered.Accept()
		if err != nil {
			return
		}
		for request := range requests {
			command := ""
			if request.Type == "exec" && len(request.Payload) > 4 {
				command = string(request.Payload[4:])
			}
			_ = request.Reply(command == "git-upload-pack '"+r.Dir+"'", nil)
			if strings.HasPrefix(command, "git-upload-pack ") {
				r.uploadPack(channel)
				_ = channel.Close()
			}
		}
	}
}

func (r *Repo) uploadPack(channel ssh.Channel) {
	cmd := exec.Command("git", "upload-pack", r.Dir)
	cmd.Env = Env()
	cmd.Stdout, cmd.Stderr = channel, channel.Stderr()
	in, err := cmd.StdinPipe()
	if err != nil || cmd.Start() != nil {
		return
	}
	go func() {
		buffer := make([]byte, 32<<10)
		for {
			n, err := channel.Read(buffer)
			if _, failed := in.Write(buffer[:n]); failed != nil || err != nil {
				_ = in.Close()
				return
			}
		}
	}()
	status := []byte{0, 0, 0, 0}
	if cmd.Wait() != nil {
		status[3] = 128
	}
	_, _ = channel.SendRequest("exit-status", false, status)
}
