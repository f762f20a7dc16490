// A canonical cron expression in words where it is a simple one; as it stands where it is not.

const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const NUMBER = /^[0-9]+$/;
const DAY_ITEM = /^([0-6])(?:-([0-6]))?$/;

/** `cron` as the end of a sentence that begins with "it is"; `isLastDay` as in the IR. */
export function explainCron(cron: string, isLastDay: boolean): string {
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = cron.split(' ');
  const asIs = `time for the schedule "${cron}"`;
  if (!NUMBER.test(minute) || !NUMBER.test(hour) || month !== '*') return asIs;
  const at = `${hour.padStart(2, '0')}:${minute.padStart(2, '0')}`;
  if (day === '*' && weekday === '*') return `${at} on any day`;
  if (day === '*') {
    const names = weekdayNames(weekday);
    return names === undefined ? asIs : `${at} on ${names}`;
  }
  if (weekday !== '*' || !NUMBER.test(day)) return asIs;
  const orLast = isLastDay && Number(day) > 28 ? ', or the last day of a shorter month' : '';
  return `${at} on day ${day} of a month${orLast}`;
}

function weekdayNames(field: string): string | undefined {
  const items = field.split(',').map((item) => {
    const [, first, last] = DAY_ITEM.exec(item) ?? [];
    if (first === undefined) return undefined;
    const [from, to] = [WEEKDAYS[Number(first)], WEEKDAYS[Number(last ?? first)]];
    return last === undefined ? from : `${from} to ${to}`;
  });
  return items.includes(undefined) ? undefined : items.join(', ');
}
