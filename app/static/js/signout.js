// On the sign-in page nobody is signed in: what a page has kept for the last person of this tab goes, other tabs of
// this PC are told, and whoever keeps more (the queue of a test) hears "sabaq:signed-out" and forgets its key.
try {
  sessionStorage.clear();
} catch {
  // storage is switched off: then nothing was kept
}
if ("BroadcastChannel" in window) new BroadcastChannel("sabaq").postMessage("signed-out");
document.dispatchEvent(new CustomEvent("sabaq:signed-out"));
