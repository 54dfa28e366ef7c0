/** `/skills`: the instructions there are, yours and the built-in ones; switching one off, and going back to the built-in. */
import { type ListedSkill, skillsFor } from '../../agent/skills/catalog.ts';
import { conversationKey } from '../../domain/memory.ts';
import { PRIVATE } from '../../domain/skill.ts';
import type { ChatCommand } from './command.ts';

const USAGE = 'Usage: /skills, /skills show NAME, export NAME, enable NAME, disable NAME or reset NAME.';

export const skills: ChatCommand = {
  name: 'skills',
  argument: '[show|export|enable|disable|reset NAME]',
  about: 'See the skills I have for you; switch them on or off, or back to how they came',
  async run(deps, context) {
    const { author, direct } = context.message;
    const viewer = { user: author.id, conversation: conversationKey(context.message), direct };
    const [verb = '', name = '', ...rest] = context.argument.split(/\s+/);
    const seen = () => skillsFor(deps.catalog(), deps.store.skills, viewer);
    const all = await seen();
    if (verb === '' || verb === 'list') {
      const lines = all.map((skill) => {
        const notes = [...copyNote(skill, direct), ...(skill.enabled ? [] : ['off'])];
        return `- ${titled(skill, notes)}`;
      });
      return context.reply(lines.length === 0 ? 'There are no skills.' : [...lines, '', USAGE].join('\n'));
    }
    if (name === '' || rest.length > 0) return context.reply(USAGE);
    const skill = all.find((one) => one.name === name);
    if (skill === undefined) return context.reply(`There is no skill ${name}; /skills lists them.`);
    switch (verb) {
      case 'show':
        return context.reply(shown(skill, direct));
      case 'export':
        return context.reply(`\`\`\`\`\`markdown\n${skill.text}\n\`\`\`\`\``);
      case 'enable':
      case 'disable':
        await deps.store.skills.setEnabled(author.id, name, verb === 'enable');
        return context.reply(
          verb === 'enable' ? `${name} is on.` : `${name} is off: I do not use it for you.`,
        );
      case 'reset':
        if (!deps.catalog().has(name)) return context.reply(`${name} has no built-in version to go back to.`);
        // When it was edited last still counts: a reflection must not come back with another edit at once.
        if (skill.place !== null)
          await deps.store.skills.changeCopy({ owner: author.id, name, place: skill.place, text: null });
        return context.reply(afterReset(name, await seen(), direct));
      default:
        return context.reply(USAGE);
    }
  },
};

/** Which copy it is. Where others read along, of what was learned elsewhere nothing is said. */
function copyNote({ place }: ListedSkill, direct: boolean): string[] {
  if (place === null) return [];
  if (!direct) return ['your copy here'];
  return [place === PRIVATE ? 'your private copy' : 'your copy from a shared conversation'];
}

const titled = ({ name, description }: ListedSkill, notes: readonly string[]): string =>
  `**${name}**${notes.length === 0 ? '' : ` (${notes.join(', ')})`}: ${description}`;

function shown(skill: ListedSkill, direct: boolean): string {
  const { body, files } = skill;
  const beside = files.length === 0 ? [] : [`Files beside it: ${files.join(', ')}`];
  return [titled(skill, copyNote(skill, direct)), body.trim(), ...beside].join('\n\n');
}

/** In private a shared copy may have been behind the private one. */
function afterReset(name: string, now: readonly ListedSkill[], direct: boolean): string {
  const [next] = now.filter((one) => one.name === name).flatMap((one) => copyNote(one, direct));
  if (next === undefined) return `${name} is back to how it came.`;
  return `That copy of ${name} is gone, and ${next} is in force. /skills reset ${name} takes that one back too.`;
}
