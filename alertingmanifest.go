package crontopus

import "encoding/json"

// AlertingManifest is a manifest that says who is told when something goes wrong: exactly one of
// the three is set.
type AlertingManifest struct {
	Policy  *AlertPolicy
	Channel *NotificationChannel
	Window  *MaintenanceWindow
}

// DesiredAlerting is such a manifest as the newest good revision of a source says it, and where.
type DesiredAlerting struct {
	AlertingManifest

	SourceID string
	Path     string // file within the repository
	Line     int
	Revision string // that last changed it
}

// NewAlertingManifest returns an empty manifest of a kind, and false if that is none of alerting's.
func NewAlertingManifest(kind string) (AlertingManifest, bool) {
	switch kind {
	case KindAlertPolicy:
		return AlertingManifest{Policy: &AlertPolicy{}}, true
	case KindNotificationChannel:
		return AlertingManifest{Channel: &NotificationChannel{}}, true
	case KindMaintenanceWindow:
		return AlertingManifest{Window: &MaintenanceWindow{}}, true
	}
	return AlertingManifest{}, false
}

// Kind returns the manifest's kind.
func (m *AlertingManifest) Kind() string {
	switch {
	case m.Policy != nil:
		return KindAlertPolicy
	case m.Channel != nil:
		return KindNotificationChannel
	}
	return KindMaintenanceWindow
}

// Metadata returns the manifest's own.
func (m *AlertingManifest) Metadata() *Metadata {
	switch {
	case m.Policy != nil:
		return &m.Policy.Metadata
	case m.Channel != nil:
		return &m.Channel.Metadata
	}
	return &m.Window.Metadata
}

// Name returns the manifest's identity among those of its kind.
func (m *AlertingManifest) Name() JobName {
	meta := m.Metadata()
	return JobName{meta.Namespace, meta.Name}
}

// Match returns what the manifest is about, nil for a channel.
func (m *AlertingManifest) Match() *Match {
	switch {
	case m.Policy != nil:
		return &m.Policy.Spec.Match
	case m.Window != nil:
		return &m.Window.Spec.Match
	}
	return nil
}

// SetDefaults fills in what the manifest does not say.
func (m *AlertingManifest) SetDefaults() {
	switch {
	case m.Policy != nil:
		m.Policy.SetDefaults()
	case m.Channel != nil:
		m.Channel.SetDefaults()
	default:
		m.Window.SetDefaults()
	}
}

// Digest returns the SHA-256, in hex, of the manifest's canonical JSON.
func (m *AlertingManifest) Digest() string { return digest(m) }

// MarshalJSON writes the manifest itself.
func (m AlertingManifest) MarshalJSON() ([]byte, error) { return json.Marshal(m.whole()) }

// UnmarshalJSON reads a manifest of any of the kinds.
func (m *AlertingManifest) UnmarshalJSON(data []byte) error {
	var head struct {
		Kind string `json:"kind"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return err
	}
	read, known := NewAlertingManifest(head.Kind)
	if !known {
		return Errorf(CodeInvalid, "there is no kind %q of alerting", head.Kind)
	}
	*m = read
	return json.Unmarshal(data, m.whole())
}

func (m *AlertingManifest) whole() any {
	switch {
	case m.Policy != nil:
		return m.Policy
	case m.Channel != nil:
		return m.Channel
	}
	return m.Window
}
