"""The room: meetings, class days, invigilation, paper, practicals, feedback, jobs"""

import sqlalchemy as sa
from alembic import op

import app.db

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('background_job',
    sa.Column('kind', sa.String(length=30), nullable=False),
    sa.Column('person_id', sa.Uuid(), nullable=True),
    sa.Column('params', app.db.Json, nullable=False),
    sa.Column('language', sa.String(length=8), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('step', sa.String(length=40), nullable=False),
    sa.Column('stored', sa.Integer(), nullable=False),
    sa.Column('done', sa.Integer(), nullable=False),
    sa.Column('total', sa.Integer(), nullable=True),
    sa.Column('cancel', sa.Boolean(), nullable=False),
    sa.Column('made_at', app.db.UtcDateTime(), nullable=False),
    sa.Column('started_at', app.db.UtcDateTime(), nullable=True),
    sa.Column('beat_at', app.db.UtcDateTime(), nullable=True),
    sa.Column('ended_at', app.db.UtcDateTime(), nullable=True),
    sa.Column('result', app.db.Json, nullable=True),
    sa.Column('log', app.db.Json, nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_background_job_person_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_background_job'))
    )
    op.create_index('ix_background_job_person_id_made_at', 'background_job', ['person_id', 'made_at'], unique=False)
    op.create_table('daily_check',
    sa.Column('classroom_id', sa.Uuid(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('at', app.db.UtcDateTime(), nullable=False),
    sa.Column('by_id', sa.Uuid(), nullable=False),
    sa.Column('found', app.db.Json, nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.Column('segment', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['by_id'], ['person.id'], name=op.f('fk_daily_check_by_id')),
    sa.ForeignKeyConstraint(['classroom_id'], ['classroom.id'], name=op.f('fk_daily_check_classroom_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_daily_check'))
    )
    op.create_index(op.f('ix_daily_check_classroom_id'), 'daily_check', ['classroom_id'], unique=False)
    op.create_table('equipment',
    sa.Column('classroom_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('inventory_number', sa.String(length=40), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('handed_to', sa.Text(), nullable=False),
    sa.Column('handed_on', sa.Date(), nullable=True),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.ForeignKeyConstraint(['classroom_id'], ['classroom.id'], name=op.f('fk_equipment_classroom_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_equipment'))
    )
    op.create_index(op.f('ix_equipment_classroom_id'), 'equipment', ['classroom_id'], unique=False)
    op.create_table('class_day',
    sa.Column('run_id', sa.Uuid(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('opened_at', app.db.UtcDateTime(), nullable=False),
    sa.Column('opened_by', sa.Uuid(), nullable=False),
    sa.Column('closed_at', app.db.UtcDateTime(), nullable=True),
    sa.Column('closed_by', sa.Uuid(), nullable=True),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.ForeignKeyConstraint(['closed_by'], ['person.id'], name=op.f('fk_class_day_closed_by')),
    sa.ForeignKeyConstraint(['opened_by'], ['person.id'], name=op.f('fk_class_day_opened_by')),
    sa.ForeignKeyConstraint(['run_id'], ['course_run.id'], name=op.f('fk_class_day_run_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_class_day')),
    sa.UniqueConstraint('run_id', 'day', name=op.f('uq_class_day_run_id_day'))
    )
    op.create_table('feedback_sheet',
    sa.Column('run_id', sa.Uuid(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('channel', sa.String(length=10), nullable=False),
    sa.Column('language', sa.String(length=8), nullable=False),
    sa.Column('answers', app.db.Json, nullable=False),
    sa.Column('liked', sa.Text(), nullable=False),
    sa.Column('change', sa.Text(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.Column('segment', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['run_id'], ['course_run.id'], name=op.f('fk_feedback_sheet_run_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_feedback_sheet'))
    )
    op.create_index(op.f('ix_feedback_sheet_run_id'), 'feedback_sheet', ['run_id'], unique=False)
    op.create_table('incident',
    sa.Column('run_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.String(length=12), nullable=False),
    sa.Column('from_at', app.db.UtcDateTime(), nullable=False),
    sa.Column('noticed_at', app.db.UtcDateTime(), nullable=False),
    sa.Column('to_at', app.db.UtcDateTime(), nullable=True),
    sa.Column('decided_by', sa.Uuid(), nullable=True),
    sa.Column('present', app.db.Json, nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.ForeignKeyConstraint(['decided_by'], ['person.id'], name=op.f('fk_incident_decided_by')),
    sa.ForeignKeyConstraint(['run_id'], ['course_run.id'], name=op.f('fk_incident_run_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_incident'))
    )
    op.create_index(op.f('ix_incident_run_id'), 'incident', ['run_id'], unique=False)
    op.create_table('meeting',
    sa.Column('run_id', sa.Uuid(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('starts_at', app.db.UtcDateTime(), nullable=False),
    sa.Column('ends_at', app.db.UtcDateTime(), nullable=False),
    sa.Column('zone', sa.Text(), nullable=False),
    sa.Column('classroom_id', sa.Uuid(), nullable=True),
    sa.Column('place', sa.Text(), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.ForeignKeyConstraint(['classroom_id'], ['classroom.id'], name=op.f('fk_meeting_classroom_id')),
    sa.ForeignKeyConstraint(['run_id'], ['course_run.id'], name=op.f('fk_meeting_run_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_meeting'))
    )
    op.create_index('ix_meeting_run_id_day', 'meeting', ['run_id', 'day'], unique=False)
    op.create_table('minutes_line',
    sa.Column('run_id', sa.Uuid(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('at', app.db.UtcDateTime(), nullable=False),
    sa.Column('by_id', sa.Uuid(), nullable=True),
    sa.Column('what', sa.String(length=30), nullable=False),
    sa.Column('detail', app.db.Json, nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.Column('segment', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['by_id'], ['person.id'], name=op.f('fk_minutes_line_by_id')),
    sa.ForeignKeyConstraint(['run_id'], ['course_run.id'], name=op.f('fk_minutes_line_run_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_minutes_line'))
    )
    op.create_index('ix_minutes_line_run_id_day', 'minutes_line', ['run_id', 'day'], unique=False)
    op.create_table('paper_test',
    sa.Column('run_id', sa.Uuid(), nullable=False),
    sa.Column('quiz', sa.String(length=40), nullable=False),
    sa.Column('variant', sa.String(length=1), nullable=False),
    sa.Column('code', sa.String(length=12), nullable=False),
    sa.Column('course_version_id', sa.Uuid(), nullable=False),
    sa.Column('seed', sa.String(length=32), nullable=False),
    sa.Column('draw', app.db.Json, nullable=False),
    sa.Column('made_at', app.db.UtcDateTime(), nullable=False),
    sa.Column('made_by', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.ForeignKeyConstraint(['course_version_id'], ['course_version.id'], name=op.f('fk_paper_test_course_version_id')),
    sa.ForeignKeyConstraint(['made_by'], ['person.id'], name=op.f('fk_paper_test_made_by')),
    sa.ForeignKeyConstraint(['run_id'], ['course_run.id'], name=op.f('fk_paper_test_run_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_paper_test')),
    sa.UniqueConstraint('code', name=op.f('uq_paper_test_code')),
    sa.UniqueConstraint('run_id', 'quiz', 'variant', name=op.f('uq_paper_test_run_id_quiz_variant'))
    )
    op.create_table('room_test',
    sa.Column('run_id', sa.Uuid(), nullable=False),
    sa.Column('quiz', sa.String(length=40), nullable=False),
    sa.Column('wave', sa.Integer(), nullable=False),
    sa.Column('started_at', app.db.UtcDateTime(), nullable=False),
    sa.Column('started_by', sa.Uuid(), nullable=False),
    sa.Column('ended_at', app.db.UtcDateTime(), nullable=True),
    sa.Column('ended_by', sa.Uuid(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.ForeignKeyConstraint(['ended_by'], ['person.id'], name=op.f('fk_room_test_ended_by')),
    sa.ForeignKeyConstraint(['run_id'], ['course_run.id'], name=op.f('fk_room_test_run_id')),
    sa.ForeignKeyConstraint(['started_by'], ['person.id'], name=op.f('fk_room_test_started_by')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_room_test'))
    )
    op.create_index('ix_room_test_run_id_quiz', 'room_test', ['run_id', 'quiz'], unique=False)
    op.create_table('run_report',
    sa.Column('run_id', sa.Uuid(), nullable=False),
    sa.Column('made_at', app.db.UtcDateTime(), nullable=True),
    sa.Column('made_by', sa.Uuid(), nullable=True),
    sa.Column('received_at', app.db.UtcDateTime(), nullable=True),
    sa.Column('received_by', sa.Uuid(), nullable=True),
    sa.Column('missing_why', sa.Text(), nullable=False),
    sa.Column('remarks', sa.Text(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.ForeignKeyConstraint(['made_by'], ['person.id'], name=op.f('fk_run_report_made_by')),
    sa.ForeignKeyConstraint(['received_by'], ['person.id'], name=op.f('fk_run_report_received_by')),
    sa.ForeignKeyConstraint(['run_id'], ['course_run.id'], name=op.f('fk_run_report_run_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_run_report')),
    sa.UniqueConstraint('run_id', name=op.f('uq_run_report_run_id'))
    )
    op.create_table('teach_screen',
    sa.Column('run_id', sa.Uuid(), nullable=False),
    sa.Column('lesson', sa.String(length=60), nullable=False),
    sa.Column('page', sa.Integer(), nullable=False),
    sa.Column('follows', sa.Boolean(), nullable=False),
    sa.Column('by_id', sa.Uuid(), nullable=False),
    sa.Column('at', app.db.UtcDateTime(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['by_id'], ['person.id'], name=op.f('fk_teach_screen_by_id')),
    sa.ForeignKeyConstraint(['run_id'], ['course_run.id'], name=op.f('fk_teach_screen_run_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_teach_screen')),
    sa.UniqueConstraint('run_id', name=op.f('uq_teach_screen_run_id'))
    )
    op.create_table('attendance_mark',
    sa.Column('meeting_id', sa.Uuid(), nullable=False),
    sa.Column('enrolment_id', sa.Uuid(), nullable=False),
    sa.Column('revision', sa.Integer(), nullable=False),
    sa.Column('status', sa.String(length=10), nullable=False),
    sa.Column('minutes', sa.Integer(), nullable=True),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('channel', sa.String(length=10), nullable=False),
    sa.Column('batch', sa.Uuid(), nullable=True),
    sa.Column('by_id', sa.Uuid(), nullable=True),
    sa.Column('at', app.db.UtcDateTime(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.Column('segment', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['by_id'], ['person.id'], name=op.f('fk_attendance_mark_by_id')),
    sa.ForeignKeyConstraint(['enrolment_id'], ['enrolment.id'], name=op.f('fk_attendance_mark_enrolment_id')),
    sa.ForeignKeyConstraint(['meeting_id'], ['meeting.id'], name=op.f('fk_attendance_mark_meeting_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_attendance_mark')),
    sa.UniqueConstraint('meeting_id', 'enrolment_id', 'revision', name=op.f('uq_attendance_mark_meeting_id_enrolment_id_revision'))
    )
    op.create_index('ix_attendance_mark_enrolment_id', 'attendance_mark', ['enrolment_id'], unique=False)
    op.create_table('feedback_given',
    sa.Column('enrolment_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['enrolment_id'], ['enrolment.id'], name=op.f('fk_feedback_given_enrolment_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_feedback_given')),
    sa.UniqueConstraint('enrolment_id', name=op.f('uq_feedback_given_enrolment_id'))
    )
    op.create_table('granted_attempt',
    sa.Column('enrolment_id', sa.Uuid(), nullable=False),
    sa.Column('quiz', sa.String(length=40), nullable=False),
    sa.Column('by_id', sa.Uuid(), nullable=False),
    sa.Column('at', app.db.UtcDateTime(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.Column('segment', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['by_id'], ['person.id'], name=op.f('fk_granted_attempt_by_id')),
    sa.ForeignKeyConstraint(['enrolment_id'], ['enrolment.id'], name=op.f('fk_granted_attempt_enrolment_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_granted_attempt'))
    )
    op.create_index(op.f('ix_granted_attempt_enrolment_id'), 'granted_attempt', ['enrolment_id'], unique=False)
    op.create_table('meeting_item',
    sa.Column('meeting_id', sa.Uuid(), nullable=False),
    sa.Column('place', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=12), nullable=False),
    sa.Column('ref', sa.String(length=60), nullable=True),
    sa.Column('minutes', sa.Integer(), nullable=False),
    sa.Column('who', sa.String(length=10), nullable=True),
    sa.Column('teacher_id', sa.Uuid(), nullable=True),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.ForeignKeyConstraint(['meeting_id'], ['meeting.id'], name=op.f('fk_meeting_item_meeting_id')),
    sa.ForeignKeyConstraint(['teacher_id'], ['person.id'], name=op.f('fk_meeting_item_teacher_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_meeting_item'))
    )
    op.create_index(op.f('ix_meeting_item_meeting_id'), 'meeting_item', ['meeting_id'], unique=False)
    op.create_table('practical_mark',
    sa.Column('enrolment_id', sa.Uuid(), nullable=False),
    sa.Column('practical', sa.String(length=40), nullable=False),
    sa.Column('place', sa.Integer(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('items', app.db.Json, nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('channel', sa.String(length=10), nullable=False),
    sa.Column('rater_id', sa.Uuid(), nullable=False),
    sa.Column('by_id', sa.Uuid(), nullable=False),
    sa.Column('at', app.db.UtcDateTime(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.Column('segment', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['by_id'], ['person.id'], name=op.f('fk_practical_mark_by_id')),
    sa.ForeignKeyConstraint(['enrolment_id'], ['enrolment.id'], name=op.f('fk_practical_mark_enrolment_id')),
    sa.ForeignKeyConstraint(['rater_id'], ['person.id'], name=op.f('fk_practical_mark_rater_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_practical_mark')),
    sa.UniqueConstraint('enrolment_id', 'practical', 'place', 'number', name=op.f('uq_practical_mark_enrolment_id_practical_place_number'))
    )
    op.create_index(op.f('ix_practical_mark_rater_id'), 'practical_mark', ['rater_id'], unique=False)
    op.create_table('practical_work',
    sa.Column('enrolment_id', sa.Uuid(), nullable=False),
    sa.Column('practical', sa.String(length=40), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('values', app.db.Json, nullable=False),
    sa.Column('file_sha256', sa.String(length=64), nullable=True),
    sa.Column('file_name', sa.Text(), nullable=False),
    sa.Column('channel', sa.String(length=10), nullable=False),
    sa.Column('by_id', sa.Uuid(), nullable=False),
    sa.Column('at', app.db.UtcDateTime(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.Column('segment', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['by_id'], ['person.id'], name=op.f('fk_practical_work_by_id')),
    sa.ForeignKeyConstraint(['enrolment_id'], ['enrolment.id'], name=op.f('fk_practical_work_enrolment_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_practical_work')),
    sa.UniqueConstraint('enrolment_id', 'practical', 'number', name=op.f('uq_practical_work_enrolment_id_practical_number'))
    )
    op.create_table('seating',
    sa.Column('run_id', sa.Uuid(), nullable=False),
    sa.Column('enrolment_id', sa.Uuid(), nullable=False),
    sa.Column('seat_id', sa.Uuid(), nullable=True),
    sa.Column('wave', sa.Integer(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.ForeignKeyConstraint(['enrolment_id'], ['enrolment.id'], name=op.f('fk_seating_enrolment_id')),
    sa.ForeignKeyConstraint(['run_id'], ['course_run.id'], name=op.f('fk_seating_run_id')),
    sa.ForeignKeyConstraint(['seat_id'], ['seat.id'], name=op.f('fk_seating_seat_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_seating')),
    sa.UniqueConstraint('enrolment_id', name=op.f('uq_seating_enrolment_id'))
    )
    op.create_index(op.f('ix_seating_run_id'), 'seating', ['run_id'], unique=False)
    op.create_table('sheet_entry',
    sa.Column('paper_id', sa.Uuid(), nullable=False),
    sa.Column('enrolment_id', sa.Uuid(), nullable=False),
    sa.Column('entry', sa.Integer(), nullable=False),
    sa.Column('revision', sa.Integer(), nullable=False),
    sa.Column('responses', app.db.Json, nullable=False),
    sa.Column('by_id', sa.Uuid(), nullable=False),
    sa.Column('at', app.db.UtcDateTime(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.Column('segment', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['by_id'], ['person.id'], name=op.f('fk_sheet_entry_by_id')),
    sa.ForeignKeyConstraint(['enrolment_id'], ['enrolment.id'], name=op.f('fk_sheet_entry_enrolment_id')),
    sa.ForeignKeyConstraint(['paper_id'], ['paper_test.id'], name=op.f('fk_sheet_entry_paper_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sheet_entry')),
    sa.UniqueConstraint('paper_id', 'enrolment_id', 'entry', 'revision', name=op.f('uq_sheet_entry_paper_id_enrolment_id_entry_revision'))
    )
    op.create_table('taught',
    sa.Column('meeting_id', sa.Uuid(), nullable=False),
    sa.Column('revision', sa.Integer(), nullable=False),
    sa.Column('person_id', sa.Uuid(), nullable=False),
    sa.Column('part', sa.String(length=12), nullable=False),
    sa.Column('instead_of', sa.Uuid(), nullable=True),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('by_id', sa.Uuid(), nullable=False),
    sa.Column('at', app.db.UtcDateTime(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.Column('segment', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['by_id'], ['person.id'], name=op.f('fk_taught_by_id')),
    sa.ForeignKeyConstraint(['instead_of'], ['person.id'], name=op.f('fk_taught_instead_of')),
    sa.ForeignKeyConstraint(['meeting_id'], ['meeting.id'], name=op.f('fk_taught_meeting_id')),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_taught_person_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_taught')),
    sa.UniqueConstraint('meeting_id', 'revision', 'person_id', name=op.f('uq_taught_meeting_id_revision_person_id'))
    )
    op.create_index(op.f('ix_taught_person_id'), 'taught', ['person_id'], unique=False)
    op.create_table('attempt_event',
    sa.Column('attempt_id', sa.Uuid(), nullable=False),
    sa.Column('at', app.db.UtcDateTime(), nullable=False),
    sa.Column('by_id', sa.Uuid(), nullable=True),
    sa.Column('what', sa.String(length=12), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('ms', sa.BigInteger(), nullable=True),
    sa.Column('incident_id', sa.Uuid(), nullable=True),
    sa.Column('detail', app.db.Json, nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.Column('segment', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['attempt_id'], ['attempt.id'], name=op.f('fk_attempt_event_attempt_id')),
    sa.ForeignKeyConstraint(['by_id'], ['person.id'], name=op.f('fk_attempt_event_by_id')),
    sa.ForeignKeyConstraint(['incident_id'], ['incident.id'], name=op.f('fk_attempt_event_incident_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_attempt_event'))
    )
    op.create_index(op.f('ix_attempt_event_attempt_id'), 'attempt_event', ['attempt_id'], unique=False)
    op.create_table('mark_correction',
    sa.Column('attempt_id', sa.Uuid(), nullable=False),
    sa.Column('question', sa.String(length=40), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('points', sa.Integer(), nullable=False),
    sa.Column('rule', sa.String(length=30), nullable=False),
    sa.Column('by_id', sa.Uuid(), nullable=True),
    sa.Column('at', app.db.UtcDateTime(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('detail', app.db.Json, nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.Column('segment', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['attempt_id'], ['attempt.id'], name=op.f('fk_mark_correction_attempt_id')),
    sa.ForeignKeyConstraint(['by_id'], ['person.id'], name=op.f('fk_mark_correction_by_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_mark_correction')),
    sa.UniqueConstraint('attempt_id', 'question', 'number', name=op.f('uq_mark_correction_attempt_id_question_number'))
    )
    op.add_column('lesson_progress', sa.Column('finished_at', app.db.UtcDateTime(), nullable=True))
    op.add_column('attempt', sa.Column('channel', sa.String(length=10), nullable=False, server_default=sa.text("'pc'")))
    op.add_column('attempt', sa.Column('paper_id', sa.Uuid(), sa.ForeignKey('paper_test.id', name=op.f('fk_attempt_paper_id')), nullable=True), inline_references=True)
    op.add_column('attempt_clock', sa.Column('paused_at', app.db.UtcDateTime(), nullable=True))
    op.add_column('attempt_clock', sa.Column('paused_by', sa.Uuid(), sa.ForeignKey('person.id', name=op.f('fk_attempt_clock_paused_by')), nullable=True), inline_references=True)
    op.add_column('attempt_clock', sa.Column('incident_id', sa.Uuid(), sa.ForeignKey('incident.id', name=op.f('fk_attempt_clock_incident_id')), nullable=True), inline_references=True)
    op.add_column('attempt_clock', sa.Column('credit_ms', sa.BigInteger(), nullable=False, server_default=sa.text('0')))
    op.add_column('attempt_clock', sa.Column('released', sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column('attempt_clock', sa.Column('wants_seat_id', sa.Uuid(), sa.ForeignKey('seat.id', name=op.f('fk_attempt_clock_wants_seat_id')), nullable=True), inline_references=True)
    op.add_column('attempt_clock', sa.Column('wants_at', app.db.UtcDateTime(), nullable=True))
    op.add_column('attempt_clock', sa.Column('unsaved', sa.Integer(), nullable=False, server_default=sa.text('0')))
    op.add_column('attempt_clock', sa.Column('focus_losses', sa.Integer(), nullable=False, server_default=sa.text('0')))
    op.add_column('attempt_clock', sa.Column('hand_at', app.db.UtcDateTime(), nullable=True))
    op.add_column('heartbeat', sa.Column('boot', sa.String(length=40), nullable=False, server_default=sa.text("''")))
    op.add_column('heartbeat', sa.Column('uptime_ms', sa.BigInteger(), nullable=False, server_default=sa.text('0')))
    op.add_column('classroom', sa.Column('manager_id', sa.Uuid(), sa.ForeignKey('person.id', name=op.f('fk_classroom_manager_id')), nullable=True), inline_references=True)
    op.add_column('classroom', sa.Column('portable', sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column('classroom', sa.Column('line', sa.String(length=10), nullable=False, server_default=sa.text("''")))
    op.add_column('classroom', sa.Column('note', sa.Text(), nullable=False, server_default=sa.text("''")))
    op.add_column('sign_in', sa.Column('locked_at', app.db.UtcDateTime(), nullable=True))
    op.add_column('enrolment', sa.Column('walk_in', sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column('person', sa.Column('provisional', sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    raise RuntimeError("a node goes back to an earlier release by its backup")
