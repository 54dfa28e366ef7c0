/** `/skills`: the instructions there are, yours and the built-in ones; switching one off, and going back to the built-in. */
import { type ListedSkill, skillsFor } from '../../agent/skills/catalog.ts';
import type { ChatCommand } from './command.ts';

const USAGE = 'Usage: /skills, /skills show NAME, export NAME, enable NAME, disable NAME or reset NAME.';

export const skills: ChatCommand = {
  name: 'skills',
  argument: '[show|export|enable|disable|reset NAME]',
  about: 'See the skills I have for you; switch them on or off, or back to how they came',
  async run(deps, context) {
    const user = context.message.author.id;
    const [verb = '', name = '', ...rest] = context.argument.split(/\s+/);
    const all = await skillsFor(deps.catalog(), deps.store.skills, user);
    if (verb === '' || verb === 'list') {
      const lines = all.map((skill) => {
        const notes = [...(skill.origin === 'own' ? ['your copy'] : []), ...(skill.enabled ? [] : ['off'])];
        return `- **${skill.name}**${notes.length === 0 ? '' : ` (${notes.join(', ')})`}: ${skill.description}`;
      });
      return context.reply(lines.length === 0 ? 'There are no skills.' : [...lines, '', USAGE].join('\n'));
    }
    if (name === '' || rest.length > 0) return context.reply(USAGE);
    const skill = all.find((one) => one.name === name);
    if (skill === undefined) return context.reply(`There is no skill ${name}; /skills lists them.`);
    const isShown = verb === 'show' || verb === 'export';
    // It may have been made of what was said in private, and others read along here.
    if (isShown && skill.origin === 'own' && !context.message.direct)
      return context.reply(`I show your copy of ${name} in a private chat only. Write to me there.`);
    switch (verb) {
      case 'show':
        return context.reply(shown(skill));
      case 'export':
        return context.reply(`\`\`\`\`\`markdown\n${skill.text}\n\`\`\`\`\``);
      case 'enable':
      case 'disable':
        await deps.store.skills.change({ owner: user, name, enabled: verb === 'enable' });
        return context.reply(
          verb === 'enable' ? `${name} is on.` : `${name} is off: I do not use it for you.`,
        );
      case 'reset':
        if (!deps.catalog().has(name)) return context.reply(`${name} has no built-in version to go back to.`);
        // When it was edited last still counts: a reflection must not come back with another edit at once.
        await deps.store.skills.change({ owner: user, name, text: null });
        return context.reply(`${name} is back to how it came.`);
      default:
        return context.reply(USAGE);
    }
  },
};

function shown({ name, description, body, files }: ListedSkill): string {
  const beside = files.length === 0 ? [] : [`Files beside it: ${files.join(', ')}`];
  return [`**${name}**: ${description}`, body.trim(), ...beside].join('\n\n');
}
