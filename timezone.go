package crontopus

// TimezoneHost stands for a host's own time zone where a manifest names a zone.
const TimezoneHost = "host"

// InZone returns the job as it is on a host: where its zone is TimezoneHost, zone says
// which one that is there, "" for nobody knows. Then the job cannot be run, and the error says so.
func (j *Job) InZone(zone func() string) (*Job, error) {
	if j.Spec.Timezone != TimezoneHost {
		return j, nil
	}
	there := *j
	if there.Spec.Timezone = zone(); there.Spec.Timezone == "" {
		return nil, Errorf(CodeInvalid, "the host's own time zone, in which the job runs, has no name that is known").
			WithHint("link /etc/localtime to a zone of /usr/share/zoneinfo, or write an IANA name in spec.timezone")
	}
	return &there, nil
}
