// Package demo plays the main job of Crontopus in a scratch folder: a real server and two
// real agents as processes of their own, a real Git repository, real pushes. It knows the
// product only as a user does: its programs, its API and git.
// It imports the root, api/client, api/wire and examples; only cli imports it.
package demo
