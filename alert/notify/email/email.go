// Package email sends messages by SMTP, as text and HTML. What is told of one incident is one
// conversation: the first mail's Message-ID comes from the incident and the channel, and every
// later one refers to it.
//
//	250 to the data                        delivered
//	4xx, a lost connection, a certificate  transient
//	5xx                                    permanent: a refused sender, password or content
//	5xx to some of the recipients          delivered to the others; the answer names who was refused
//	4xx to some of the recipients          delivered to the others; only these are tried again
//	no STARTTLS where the channel wants it permanent: nothing is sent in the clear instead
//	no answer                              transient, unless the operator does not allow the address
//
// It imports the root package, alert/notify and internal/netguard.
package email

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/textproto"
	"slices"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/alert/notify"
	"crontopus.dev/crontopus/internal/netguard"
)

// Sender sends mail.
type Sender struct {
	Guard netguard.Guard
	Roots *x509.CertPool // nil: the system's
}

// Send delivers a message once, to those whom an attempt before did not reach.
func (s Sender) Send(ctx context.Context, d *crontopus.Delivery, m *notify.Message) notify.Outcome {
	ctx, cancel := context.WithTimeout(ctx, notify.Timeout)
	defer cancel()
	to := missing(d)
	if len(to) == 0 { // who was to be tried again was taken off the list in Git
		return notify.Outcome{OK: true, Answer: "all of its recipients have it"}
	}
	o, some := s.send(ctx, d, m, to)
	if o.OK || !o.Permanent && !some || len(d.Channel.Spec.Email.To) == 1 {
		return o
	}
	return s.sendEach(ctx, d, m, to)
}

// missing are the recipients that do not have the message yet.
func missing(d *crontopus.Delivery) []string {
	to := slices.Clone(d.Channel.Spec.Email.To)
	for _, a := range d.Notification.Attempts {
		to = slices.DeleteFunc(to, func(address string) bool { return slices.Contains(a.Took, address) })
	}
	return to
}

// sendEach tries the recipients one by one after a server refused some of them, or all together: one whose
// address is gone, or whose mailbox is full for now, keeps the others' mail no longer. Those who are only to be had
// later are tried again, without those who have it.
func (s Sender) sendEach(ctx context.Context, d *crontopus.Delivery, m *notify.Message, to []string) notify.Outcome {
	var took, refused, later []string
	for _, address := range to {
		switch o, _ := s.send(ctx, d, m, []string{address}); { // one is all, not some
		case o.OK:
			took = append(took, address)
		case o.Permanent:
			refused = append(refused, address+": "+o.Answer)
		default:
			later = append(later, address+": "+o.Answer)
		}
	}
	not := strings.Join(append(later, refused...), "; ")
	have := len(d.Channel.Spec.Email.To) - len(to) + len(took)
	switch {
	case len(later) > 0:
		return notify.Outcome{Answer: notify.Line("not to "+not, maxAnswer), Took: took}
	case have == 0:
		return notify.Outcome{Permanent: true, Answer: notify.Line("not to "+not, maxAnswer)}
	case len(refused) == 0:
		return notify.Outcome{OK: true, Answer: "taken by " + d.Channel.Spec.Email.Host}
	}
	return notify.Outcome{OK: true, Answer: notify.Line("delivered, but not to "+not, maxAnswer)}
}

// maxAnswer is how much is kept of what a server said, in characters.
const maxAnswer = 500

// send writes to the recipients with one mail. It reports, too, whether it was some of them that the server
// refused.
func (s Sender) send(ctx context.Context, d *crontopus.Delivery, m *notify.Message, to []string) (o notify.Outcome, some bool) {
	c := d.Channel.Spec.Email
	written, err := Write(d, m, to)
	if err != nil {
		return notify.Refused(err), false
	}
	settings := &tls.Config{ServerName: c.Host, RootCAs: s.Roots, MinVersion: tls.VersionTLS12}
	options := []gomail.Option{gomail.WithPort(c.Port), gomail.WithTimeout(notify.Timeout), gomail.WithTLSConfig(settings),
		gomail.WithDialContextFunc(s.dial(c.TLS, settings)), gomail.WithoutNoop(), gomail.WithHELO(hello(c.From))}
	switch c.TLS {
	case crontopus.TLSImplicit:
		options = append(options, gomail.WithSSL())
	case crontopus.TLSNone:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if c.Username != "" {
		auth := gomail.SMTPAuthAutoDiscover
		if c.TLS == crontopus.TLSImplicit { // the library does not see that our own dialling has encrypted it
			auth = gomail.SMTPAuthPlain
		}
		options = append(options, gomail.WithSMTPAuth(auth), gomail.WithUsername(c.Username),
			gomail.WithPassword(strings.TrimRight(d.Secrets[c.Password], "\r\n")))
	}
	client, err := gomail.NewClient(c.Host, options...)
	if err != nil {
		return notify.Refused(err), false
	}
	err = client.DialAndSendWithContext(ctx, written)
	if written.IsDelivered() { // what went wrong after that is of no use to anybody
		return notify.Outcome{OK: true, Answer: notify.Line("taken by "+c.Host+" "+written.ServerResponse(), maxAnswer)}, false
	}
	sent, sending := errors.AsType[*gomail.SendError](err)
	return failed(err), sending && sent.Reason == gomail.ErrSMTPRcptTo
}

// dial connects through the guard, and speaks TLS at once where the channel says so.
func (s Sender) dial(how string, settings *tls.Config) gomail.DialContextFunc {
	guard := s.Guard
	guard.AllowedOnly = how == crontopus.TLSNone
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := guard.DialContext(ctx, network, address)
		if err != nil || how != crontopus.TLSImplicit {
			return conn, err
		}
		secure := tls.Client(conn, settings)
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		return secure, nil
	}
}

// failed says whether it is of use to try again.
func failed(err error) notify.Outcome {
	o := notify.Failed(err)
	said, answered := errors.AsType[*textproto.Error](err)
	sent, sending := errors.AsType[*gomail.SendError](err)
	switch {
	case answered:
		o.Permanent = said.Code >= 500
	case sending && sent.ErrorCode() > 0:
		o.Permanent = sent.ErrorCode() >= 500
	case strings.Contains(err.Error(), "STARTTLS"):
		o.Permanent = true // the library has no error of its own for it
	}
	return o
}

// Write makes a message a mail to the recipients.
func Write(d *crontopus.Delivery, m *notify.Message, to []string) (*gomail.Msg, error) {
	c := d.Channel.Spec.Email
	written := gomail.NewMsg()
	for _, address := range append([]string{c.From}, to...) {
		if strings.ContainsFunc(address, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return nil, crontopus.Errorf(crontopus.CodeInvalid, "the address %q has a line break or control character", address)
		}
	}
	if err := errors.Join(written.From(c.From), written.To(to...)); err != nil {
		return nil, crontopus.Errorf(crontopus.CodeInvalid, "an address of the channel is none: %w", err)
	}
	host := domain(c.From)
	root := thread(d, m) + "@" + host
	if m.Event == crontopus.NotifyOpened || m.Incident == nil {
		written.SetMessageIDWithValue(root)
	} else {
		written.SetMessageIDWithValue(short(m.ID, d) + "@" + host)
		written.SetGenHeader(gomail.HeaderInReplyTo, "<"+root+">")
		written.SetGenHeader(gomail.HeaderReferences, "<"+root+">")
	}
	written.SetDateWithValue(m.At)
	written.SetGenHeader("Auto-Submitted", "auto-generated")
	written.SetGenHeader("X-Auto-Response-Suppress", "All")
	written.Subject(notify.Line(subject(m), 200))
	written.SetBodyString(gomail.TypeTextPlain, plain(m))
	page, err := html(m)
	if err != nil {
		return nil, err
	}
	written.AddAlternativeString(gomail.TypeTextHTML, page)
	return written, nil
}

// subject keeps the words of the first mail, which some programs go by to join a conversation.
func subject(m *notify.Message) string { return "[Crontopus] " + m.Title }

// thread is the local part of the first mail's Message-ID.
func thread(d *crontopus.Delivery, m *notify.Message) string { return short(m.Key, d) }

// short makes an id of ours one that says nothing of the tenant, and differs in every channel.
func short(id string, d *crontopus.Delivery) string {
	sum := sha256.Sum256([]byte(string(d.Notification.Tenant) + "\x00" + d.Channel.Name().String() + "\x00" + id))
	return "crontopus." + hex.EncodeToString(sum[:12])
}

// hello is how we greet: by the sender's domain, for the machine's own name is nobody's business.
func hello(from string) string { return domain(from) }

func domain(from string) string {
	if parsed, err := mail.ParseAddress(from); err == nil {
		if _, host, found := strings.Cut(parsed.Address, "@"); found {
			return host
		}
	}
	return "localhost"
}

func plain(m *notify.Message) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n%s\n", m.Title, m.Text)
	for i, f := range m.Facts {
		if i == 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s: %s\n", f.Name, f.Value)
		if f.Link != "" {
			fmt.Fprintf(&b, "  %s\n", f.Link)
		}
	}
	if m.Output != "" {
		fmt.Fprintf(&b, "\nOutput, the end of it:\n\n%s\n", m.Output)
	}
	if m.Link != "" {
		fmt.Fprintf(&b, "\n%s\n", m.Link)
	}
	return b.String()
}
