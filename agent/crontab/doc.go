// Package crontab keeps an agent's entries in a crontab: the user's own, through
// crontab(1), root's /etc/cron.d/crontopus, or any file. The entries live in one block
// between two markers; every byte outside it belongs to somebody else and stays.
// It imports the root package, agent, schedule and internal/atomicfile.
package crontab
