"""Telling people: notices on the start page, the outbox of mails, reminders."""
