package email_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http/httptest"
	"net/mail"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/alert/notify"
	"crontopus.dev/crontopus/alert/notify/email"
	"crontopus.dev/crontopus/internal/netguard"
)

// server is a mail server that refuses some recipients.
type server struct {
	mu     sync.Mutex
	mails  []string
	refuse map[string]*smtp.SMTPError
}

type session struct{ s *server }

func (s *server) NewSession(*smtp.Conn) (smtp.Session, error) { return &session{s}, nil }
func (*session) Reset()                                       {}
func (*session) Logout() error                                { return nil }
func (*session) AuthMechanisms() []string                     { return []string{sasl.Plain} }
func (*session) Mail(string, *smtp.MailOptions) error         { return nil }

func (*session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "bot" || password != "hunter2" {
			return &smtp.SMTPError{Code: 535, Message: "no"}
		}
		return nil
	}), nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if err := s.s.refuse[to]; err != nil {
		return err
	}
	return nil
}

func (s *session) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	s.s.mu.Lock()
	defer s.s.mu.Unlock()
	s.s.mails = append(s.s.mails, string(data))
	return err
}

// start serves mail as the channel wants it, and returns who trusts it.
func (s *server) start(t *testing.T, how string) (port int, roots *x509.CertPool) {
	web := httptest.NewTLSServer(nil)
	t.Cleanup(web.Close)
	roots = x509.NewCertPool()
	roots.AddCert(web.Certificate())
	m := smtp.NewServer(s)
	m.Domain, m.AllowInsecureAuth = "mail.example.com", true
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port = l.Addr().(*net.TCPAddr).Port
	if how != crontopus.TLSNone {
		m.TLSConfig = &tls.Config{Certificates: web.TLS.Certificates, MinVersion: tls.VersionTLS12}
	}
	if how == crontopus.TLSImplicit {
		l = tls.NewListener(l, m.TLSConfig)
	}
	go func() { _ = m.Serve(l) }()
	t.Cleanup(func() { _ = m.Close() })
	return port, roots
}

func delivery(port int, how string, to ...string) *crontopus.Delivery {
	c := &crontopus.EmailChannel{To: to, From: "Cron <cron@example.com>", Host: "127.0.0.1", Port: port, TLS: how}
	if how != crontopus.TLSNone {
		c.Username, c.Password = "bot", "secret:mail"
	}
	return &crontopus.Delivery{
		Notification: crontopus.Notification{ID: "n1", Tenant: "default", What: crontopus.NotifyOpened, At: time.Unix(1772332200, 0)},
		Incident: &crontopus.Incident{ID: "i1", Kind: crontopus.AlertFailed, Subject: crontopus.Subject{Agent: "db-01\r\nBcc: eve@example.com"},
			Cause: crontopus.Cause{Sentence: "it failed <script>alert(1)</script>"}},
		Channel: crontopus.NotificationChannel{Metadata: crontopus.Metadata{Namespace: "production", Name: "mail"}, Spec: crontopus.ChannelSpec{Email: c}},
		Secrets: map[string]string{"secret:mail": "hunter2\n"}}
}

func send(t *testing.T, d *crontopus.Delivery, roots *x509.CertPool) notify.Outcome {
	m := notify.Render(d)
	guard := netguard.Guard{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	return email.Sender{Guard: guard, Roots: roots}.Send(t.Context(), d, &m)
}

func TestMailArrivesHoweverTheServerIsSpokenTo(t *testing.T) {
	for _, how := range []string{crontopus.TLSStart, crontopus.TLSImplicit, crontopus.TLSNone} {
		t.Run(how, func(t *testing.T) {
			s := &server{}
			port, roots := s.start(t, how)
			d := delivery(port, how, "ada@example.com")
			o := send(t, d, roots)
			require.True(t, o.OK, o.Answer)
			d.Notification.ID, d.Notification.What = "n2", crontopus.NotifyResolved
			require.True(t, send(t, d, roots).OK)
			require.Len(t, s.mails, 2)
			first, err := mail.ReadMessage(strings.NewReader(s.mails[0]))
			require.NoError(t, err)
			second, err := mail.ReadMessage(strings.NewReader(s.mails[1]))
			require.NoError(t, err)
			require.Equal(t, first.Header.Get("Message-Id"), second.Header.Get("In-Reply-To"), "an update joins the first mail")
			require.Equal(t, first.Header.Get("Message-Id"), second.Header.Get("References"))
			require.NotEqual(t, first.Header.Get("Message-Id"), second.Header.Get("Message-Id"))
			require.Empty(t, first.Header.Get("Bcc"), "nobody is added by a host's name")
			require.Contains(t, first.Header.Get("Subject"), "Failed: host db-01")
			require.Contains(t, s.mails[0], "text/plain")
			require.Contains(t, s.mails[0], "text/html")
			require.Contains(t, s.mails[0], "&lt;script&gt;")
		})
	}
}

func TestWhatMailServersRefuse(t *testing.T) {
	gone, busy := &smtp.SMTPError{Code: 550, Message: "no such user"}, &smtp.SMTPError{Code: 451, Message: "try later"}
	for name, c := range map[string]struct {
		how, password string
		refuse        map[string]*smtp.SMTPError
		untrusted     bool
		ok, permanent bool
		says          string
	}{
		"nobody is there":             {how: crontopus.TLSStart, refuse: map[string]*smtp.SMTPError{"a@example.com": gone, "b@example.com": gone}, permanent: true, says: "no such user"},
		"one is gone":                 {how: crontopus.TLSStart, refuse: map[string]*smtp.SMTPError{"a@example.com": gone}, ok: true, says: "not to a@example.com"},
		"one is gone, one is busy":    {how: crontopus.TLSStart, refuse: map[string]*smtp.SMTPError{"a@example.com": gone, "b@example.com": busy}, says: "not to b@example.com"},
		"one is busy, one is gone":    {how: crontopus.TLSStart, refuse: map[string]*smtp.SMTPError{"a@example.com": busy, "b@example.com": gone}, says: "not to a@example.com"},
		"greylisted":                  {how: crontopus.TLSStart, refuse: map[string]*smtp.SMTPError{"a@example.com": busy, "b@example.com": busy}, says: "try later"},
		"the password is wrong":       {how: crontopus.TLSImplicit, password: "no", permanent: true},
		"the certificate is no one's": {how: crontopus.TLSStart, untrusted: true, says: "certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &server{refuse: c.refuse}
			port, roots := s.start(t, c.how)
			d := delivery(port, c.how, "a@example.com", "b@example.com")
			if c.password != "" {
				d.Secrets["secret:mail"] = c.password
			}
			if c.untrusted {
				roots = x509.NewCertPool()
			}
			o := send(t, d, roots)
			require.Equal(t, c.ok, o.OK, o.Answer)
			require.Equal(t, c.permanent, o.Permanent, o.Answer)
			require.Contains(t, o.Answer, c.says)
		})
	}
}

// A mailbox that is full for now keeps nobody else's mail, and is tried again without them.
func TestOneWhoIsToBeTriedLaterKeepsNoMailFromTheOthers(t *testing.T) {
	full, gone := &smtp.SMTPError{Code: 452, Message: "mailbox full"}, &smtp.SMTPError{Code: 550, Message: "no such user"}
	for name, c := range map[string]struct {
		then  *smtp.SMTPError // what the server says to it the next time
		says  string
		mails int
	}{
		"it takes mail again":   {says: "taken by", mails: 2},
		"it is gone by then":    {then: gone, says: "not to b@example.com", mails: 1},
		"it is still to be had": {then: full, says: "mailbox full", mails: 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := &server{refuse: map[string]*smtp.SMTPError{"b@example.com": full}}
			port, roots := s.start(t, crontopus.TLSStart)
			d := delivery(port, crontopus.TLSStart, "a@example.com", "b@example.com")
			o := send(t, d, roots)
			require.False(t, o.OK || o.Permanent, o.Answer)
			require.Contains(t, o.Answer, "mailbox full")
			require.Equal(t, []string{"a@example.com"}, o.Took)
			require.Len(t, s.mails, 1)

			d.Notification.Attempts = []crontopus.Attempt{{Answer: o.Answer, Took: o.Took}}
			s.refuse["b@example.com"] = c.then
			o = send(t, d, roots)
			require.Equal(t, c.then != full, o.OK, o.Answer)
			require.Contains(t, o.Answer, c.says)
			require.Len(t, s.mails, c.mails, "nobody has it twice")
		})
	}
}

func TestNothingIsSentInTheClearWhereTheChannelWantsTLS(t *testing.T) {
	s := &server{}
	port, roots := s.start(t, crontopus.TLSNone)
	o := send(t, delivery(port, crontopus.TLSStart, "ada@example.com"), roots)
	require.True(t, o.Permanent, o.Answer)
	require.Empty(t, s.mails)
}

func TestAnAddressThatWouldAddAHeaderIsRefused(t *testing.T) {
	o := send(t, delivery(1, crontopus.TLSStart, "ada@example.com\r\nBcc: eve@example.com"), nil)
	require.True(t, o.Permanent)
	require.Contains(t, o.Answer, "line break")
}
