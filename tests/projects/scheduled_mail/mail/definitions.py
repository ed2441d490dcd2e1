import dagster as dg

from mail.jobs import mail_job

nightly = dg.ScheduleDefinition(job=mail_job, cron_schedule="0 2 * * *")


@dg.sensor(job=mail_job)
def on_new_letters():
    yield dg.SkipReason("none")


defs = dg.Definitions(schedules=[nightly], sensors=[on_new_letters])
